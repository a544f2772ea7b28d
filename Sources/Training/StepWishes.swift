/// What all ranks together want after a step.
struct StepWishes {
  /// The strongest request of any rank.
  let request: StopSignal.Request
  /// Whether every rank is done with its part of the checkpoint under way.
  let allDone: Bool

  /// The wishes as ``StepTable`` holds them, one per rank: see `Trainer.stepWish`.
  init(_ values: UnsafeMutablePointer<Double>, ranks: Int) {
    var strongest = 0
    var isDone = true
    for place in 0..<ranks {
      let value = Int(values[place])
      isDone = isDone && value >= StepTable.doneMark
      strongest = max(strongest, value % StepTable.doneMark)
    }
    request = StopSignal.Request(rawValue: strongest) ?? .none
    allDone = isDone
  }
}
