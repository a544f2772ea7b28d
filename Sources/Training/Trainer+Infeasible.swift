import MPI

extension Trainer {
  /// Counts, at the end of an epoch, the samples whose ids need more steps than there are.
  ///
  /// Such samples have no gradient, which would be hard to find out otherwise. A person is told when the
  /// number changes.
  ///
  /// - Parameter last: whether the run ends with this step.
  /// - Returns: samples of all heads and all ranks in the epoch, where there are any.
  /// - Throws: `MPIError`.
  func countInfeasible(last: Bool) throws -> Int? {
    let endsEpoch = state.step % plan.stepsPerEpoch == 0
    guard last || endsEpoch, let counts = try infeasibleSoFar() else { return nil }
    // A run that goes on within the epoch, with more steps, goes on counting.
    if endsEpoch { infeasible.begin(with: nil, model) }
    for (head, count) in zip(model.heads, counts)
    where count > 0 && toldInfeasible[head.name] != count {
      toldInfeasible[head.name] = count
      observer?.noted(
        "epoch \((state.step - 1) / plan.stepsPerEpoch + 1): \(count) training samples have fewer steps "
          + "than the ids of head '\(head.name)' need; they give no gradient")
    }
    let total = counts.reduce(0, +)
    return total > 0 ? total : nil
  }

  /// The same of the epoch so far, per head; collective, and nil where no head transcribes.
  func infeasibleSoFar() throws -> [Int]? {
    guard model.heads.contains(where: \.loss.isTranscription) else { return nil }
    var counts = infeasible.counted(by: model).map(Int64.init)
    try world.allReduce(&counts, by: .sum)
    return infeasible.whole(counts.map(Int.init))
  }
}
