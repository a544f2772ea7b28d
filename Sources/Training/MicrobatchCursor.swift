import Datasets
import Exchange

/// Walks over one rank's microbatches of all steps.
///
/// Used by one input thread only, which is what makes the unchecked `Sendable` true.
final class MicrobatchCursor: @unchecked Sendable {
  private var step: Int
  private var index: Int?
  private let totalSteps: Int
  private let plan: BatchPlan
  private let rank: Int
  private let ranks: Int

  init(step: Int, totalSteps: Int, plan: BatchPlan, rank: Int, ranks: Int) {
    self.step = step
    self.totalSteps = totalSteps
    self.plan = plan
    self.rank = rank
    self.ranks = ranks
  }

  /// The next microbatch, or nil at the end of the run.
  func next() -> BatchRequest? {
    while step < totalSteps {
      let (epoch, stepInEpoch) = step.quotientAndRemainder(dividingBy: plan.stepsPerEpoch)
      let count = plan.microbatchCount(ofStep: stepInEpoch)
      let share = SummationTree.share(ofRank: rank, of: ranks, count: count)
      let current = index.map { $0 + 1 } ?? share.lowerBound
      guard share.contains(current) else {
        step += 1
        index = nil
        continue
      }
      index = current
      return BatchRequest(
        index: current, step: step, epoch: epoch,
        positions: plan.positions(step: stepInEpoch, microbatch: current))
    }
    return nil
  }
}
