import Datasets
import Exchange

/// Walks over one rank's microbatches of all steps.
///
/// Used by one input thread only, which is what makes the unchecked `Sendable` true.
final class MicrobatchCursor: @unchecked Sendable {
  private var step: Int
  private let totalSteps: Int
  private let plan: BatchPlan
  private let topology: Topology
  private let seat: Topology.Seat
  private let group: Int
  private var share: StrideTo<Int>.Iterator?

  init(
    step: Int, totalSteps: Int, plan: BatchPlan, topology: Topology, seat: Topology.Seat, group: Int
  ) {
    self.step = step
    self.totalSteps = totalSteps
    self.plan = plan
    self.topology = topology
    self.seat = seat
    self.group = group
  }

  /// The next microbatch, or nil at the end of the run.
  func next() -> BatchRequest? {
    while step < totalSteps {
      let (epoch, stepInEpoch) = step.quotientAndRemainder(dividingBy: plan.stepsPerEpoch)
      if share == nil {
        let deal = Deal(
          microbatches: plan.microbatchCount(ofStep: stepInEpoch), topology: topology, group: group)
        share = deal.share(of: seat).makeIterator()
      }
      guard let current = share?.next() else {
        step += 1
        share = nil
        continue
      }
      return BatchRequest(
        index: current, step: step, epoch: epoch,
        positions: plan.positions(step: stepInEpoch, microbatch: current))
    }
    return nil
  }
}
