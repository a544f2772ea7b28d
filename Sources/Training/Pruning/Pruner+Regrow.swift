import Checkpoints
import Exchange
import Parameters
import Pruning

extension Pruner {
  /// Lets the whole gradient travel in a step after which weights come back by it; outside a step, on all ranks alike.
  ///
  /// - Parameter step: steps done before it.
  func prepare(step: Int) {
    seesAll = setUp.regrowth?.isDue(after: step + 1) == true && mask != nil
    if seesAll { exchange.setLive(nil) }
  }

  /// Remembers the gradient of an owned block, where weights come back by it, and takes that of dead places out.
  func observe(_ block: GlobalGradients.Block) {
    guard seesAll, let mask else { return }
    let kept = gradients.base + exchange.owned.offset(ofBlock: block.index)
    for index in 0..<block.range.count { kept[index] = block.values[index].magnitude }
    mask.clearDead(block.range, in: block.values)
  }

  /// Gives up the live weights that are smallest, and brings as many dead ones back that have the largest gradients.
  ///
  /// What comes back begins at +0, with a state of +0, also where it was given up a moment ago.
  ///
  /// - Parameters:
  ///   - step: steps done.
  ///   - regrowth: how many.
  /// - Returns: what was chosen.
  /// - Throws: `PruningError` or `MPIError`.
  func regrow(after step: Int, _ regrowth: RegrowthSchedule) throws -> TrainingState.Pruning {
    let less = try scores.withStretches(mask) {
      try selector.choose(
        sparsity: regrowth.sparsityBetween(after: step), scores: $0, mask: mask)
    }
    apply(less.mask)
    for part in exchange.owned.stretches {
      // What is live is worth more than any gradient.
      for place in part.range where less.mask.isLive(place) {
        gradients[part.offset + place - part.range.lowerBound] = .greatestFiniteMagnitude
      }
    }
    let stretches = exchange.owned.stretches.map {
      ScoreStretch(range: $0.range, base: UnsafePointer(gradients.base + $0.offset))
    }
    let choice = try selector.choose(sparsity: regrowth.sparsity, scores: stretches, mask: nil)
    apply(choice.mask)
    try exchange.node.local.barrier()
    return record(
      choice, step: step, sparsity: regrowth.sparsity, thresholds: less.thresholds,
      grown: less.zeros.reduce(0, +) - choice.zeros.reduce(0, +))
  }
}
