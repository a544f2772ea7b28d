import Datasets
import Exchange

/// Walks over one rank's microbatches of all steps, as often as a step has passes over them.
///
/// Used by one input thread only, which is what makes the unchecked `Sendable` true.
final class MicrobatchCursor: @unchecked Sendable {
  private var step: Int
  private let totalSteps: Int
  private let plan: BatchPlan
  private let topology: Topology
  private let seat: Topology.Seat
  private let group: Int
  private let passes: Int
  private var pass = 0
  private var share: StrideTo<Int>.Iterator?

  init(
    step: Int, totalSteps: Int, plan: BatchPlan, topology: Topology, seat: Topology.Seat,
    group: Int,
    passes: Int = 1
  ) {
    self.passes = passes
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
        share = nil
        pass += 1
        guard pass == passes else { continue }
        pass = 0
        step += 1
        continue
      }
      return BatchRequest(
        index: current, step: step, epoch: epoch,
        positions: plan.positions(step: stepInEpoch, microbatch: current))
    }
    return nil
  }
}
