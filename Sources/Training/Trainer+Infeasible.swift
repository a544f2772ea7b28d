import MPI

extension Trainer {
  /// Counts, at the end of an epoch, the samples whose ids need more steps than there are.
  ///
  /// Such samples have no gradient, which would be hard to find out otherwise. A person is told when the
  /// number changes. After a resume within an epoch the count begins there.
  ///
  /// - Parameter last: whether the run ends with this step.
  /// - Returns: samples of all heads and all ranks since the last count, where there are any.
  /// - Throws: `MPIError`.
  func countInfeasible(last: Bool) throws -> Int? {
    guard model.heads.contains(where: \.loss.isTranscription),
      last || state.step % plan.stepsPerEpoch == 0
    else { return nil }
    var counts = model.heads.indices.map { Int64(model.infeasibleSequences(ofHead: $0).inTraining) }
    try world.allReduce(&counts, by: .sum)
    let before = infeasibleSamples
    infeasibleSamples = counts.map(Int.init)
    let new = counts.indices.map { infeasibleSamples[$0] - (before.isEmpty ? 0 : before[$0]) }
    for (head, count) in zip(model.heads, new) where count > 0 && toldInfeasible[head.name] != count
    {
      toldInfeasible[head.name] = count
      observer?.noted(
        "epoch \((state.step - 1) / plan.stepsPerEpoch + 1): \(count) training samples have fewer steps "
          + "than the ids of head '\(head.name)' need; they give no gradient")
    }
    let total = new.reduce(0, +)
    return total > 0 ? total : nil
  }
}
