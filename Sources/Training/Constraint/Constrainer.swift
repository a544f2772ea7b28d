import Checkpoints
import Exchange
import Optimizers
import Parameters

/// Holds weights to what a configuration asks for, after every step.
///
/// All weights of a node are new and nothing is in flight, so the ranks of a node share the work, each with whole groups or
/// parts of tensors, and every node does it for its own copy: nothing is sent, and the bits are the same on all.
final class Constrainer {
  let setUp: ConstraintSetUp
  /// The bound of each tensor's box that is taken from its weights; nil where there is none yet.
  private(set) var bounds: [Double?]
  /// The learning rate of each tensor before the schedule; nil where it is frozen.
  private let rates: [Double?]
  private unowned let exchange: Exchange
  private unowned let optimizer: Optimizer

  /// Nil where nothing is held to anything.
  init?(_ setUp: ConstraintSetUp?, _ exchange: Exchange, _ optimizer: Optimizer) {
    guard let setUp else { return nil }
    self.setUp = setUp
    self.exchange = exchange
    self.optimizer = optimizer
    bounds = setUp.tensors.map { _ in nil }
    rates = setUp.tensors.map { optimizer.learningRate(ofSlot: $0.slot) }
    optimizer.averagesAreMovedLater = true
  }

  /// What a checkpoint keeps of the bounds; nil where there are none.
  var knownBounds: [Double?]? { bounds.contains { $0 != nil } ? bounds : nil }

  /// Begins anew, or goes on with the bounds of a checkpoint.
  func restore(_ state: TrainingState) {
    let known = state.constraintBounds ?? []
    bounds = setUp.tensors.indices.map { $0 < known.count ? known[$0] : nil }
  }

  /// Holds all weights to it, and moves the average of weights to what they are then; collective on the node.
  ///
  /// - Parameters:
  ///   - step: steps done, this one included.
  ///   - factor: the schedule's factor on learning rates.
  ///   - reach: finds a quantile of what goes into layers and comes out of them, on so many samples; collective.
  /// - Throws: `MPIError` if ranks cannot meet, and what `reach` throws.
  func apply(
    after step: Int, learningRateFactor factor: Double,
    reach: (_ share: Double, _ samples: Int) throws -> [(input: Float, output: Float)]
  ) throws {
    let (rank, size) = (exchange.node.seat.localRank, exchange.node.local.size)
    // Bounds are of the weights as the step left them.
    if try findBounds(after: step, reach) { try exchange.node.local.barrier() }
    for (index, tensor) in setUp.tensors.enumerated() {
      // What is frozen stays as it is.
      guard let rate = rates[index] else { continue }
      hold(index, tensor, rate: rate * factor, rank: rank, of: size)
    }
    // Nobody reads a weight before its writer was here.
    try exchange.node.local.barrier()
    optimizer.moveAverages(parameters: exchange.store.base)
  }

  /// Takes the bounds that are due from the weights or from samples; whether there were any, equal on all ranks.
  private func findBounds(
    after step: Int,
    _ reach: (_ share: Double, _ samples: Int) throws -> [(input: Float, output: Float)]
  ) throws -> Bool {
    var isDue = false
    // Tensors with the same wish share the passes.
    var known: (share: Double, samples: Int, reach: [(input: Float, output: Float)])?
    for (index, tensor) in setUp.tensors.enumerated() where bounds[index] == nil {
      guard let first = tensor.kind.firstStep, step >= first else { continue }
      isDue = true
      switch tensor.kind {
      case .quantile(let share, _):
        bounds[index] = Double(Projection.quantile(UnsafeBufferPointer(values(tensor)), share))
      case .samples(let share, _, let samples):
        if known?.share != share || known?.samples != samples {
          known = (share, samples, try reach(share, samples))
        }
        bounds[index] = try bound(tensor, share, known?.reach ?? [])
      default: break
      }
    }
    return isDue
  }

  /// What a weight may be at most, so that it makes of an input that is large for its layer no more than an output that is.
  private func bound(
    _ tensor: ConstraintSetUp.Tensor, _ share: Double, _ reach: [(input: Float, output: Float)]
  ) throws -> Double {
    guard let layer = tensor.layer else { preconditionFailure("\(tensor.name) has no input") }
    let (input, output) = reach[layer]
    let bound = Float(output / input)
    guard bound.isFinite, bound > 0 else {
      throw TrainingError(
        .badConfiguration,
        "constraint: the quantile \(share) of what goes into \(tensor.name) is \(input) and of what comes out \(output), "
          + "which bounds nothing; ask for a larger share")
    }
    return Double(bound)
  }

  /// This rank's share of a tensor.
  private func hold(
    _ index: Int, _ tensor: ConstraintSetUp.Tensor, rate: Double, rank: Int, of size: Int
  ) {
    let all = values(tensor)
    let part = UnsafeMutableBufferPointer(rebasing: all[(0..<all.count).part(rank, of: size)])
    switch tensor.kind {
    case .box(let bound): Projection.box(part, Float(bound))
    case .quantile, .samples:
      if let bound = bounds[index] { Projection.box(part, Float(bound)) }
    case .l1(let weight): Projection.shrink(part, by: Float(rate * weight))
    case .maxNorm(let bound):
      forGroups(tensor, all, rank: rank, of: size) {
        Projection.limitNorms($0, $1, $2, to: bound)
      }
    case .group(let weight):
      forGroups(tensor, all, rank: rank, of: size) {
        Projection.shrinkGroups($0, $1, $2, by: rate * weight)
      }
    case .topK(let share):
      // One rank chooses among all of a tensor; tensors go round.
      guard index % size == rank else { return }
      Projection.keepLargest(all, max(1, Int((share * Double(all.count)).rounded())))
    }
  }

  private func forGroups(
    _ tensor: ConstraintSetUp.Tensor, _ values: UnsafeMutableBufferPointer<Float>, rank: Int,
    of size: Int, _ body: (UnsafeMutablePointer<Float>, WeightGroups, Range<Int>) -> Void
  ) {
    guard let groups = tensor.groups, let base = values.baseAddress else { return }
    body(base, groups, (0..<groups.count).part(rank, of: size))
  }

  private func values(_ tensor: ConstraintSetUp.Tensor) -> UnsafeMutableBufferPointer<Float> {
    UnsafeMutableBufferPointer(
      start: exchange.store.base + tensor.range.lowerBound, count: tensor.range.count)
  }

  /// What the weights came to, tensor by tensor; after the last step.
  var achieved: [RunSummary.Constraint] {
    setUp.tensors.enumerated().map { index, tensor in
      let all = UnsafeBufferPointer(values(tensor))
      let quantiles = [0.5, 0.9, 0.99].map {
        (name: "\($0)", value: Double(Projection.quantile(all, $0)))
      }
      return RunSummary.Constraint(
        name: tensor.name, kind: tensor.kind.name, bound: bounds[index],
        weights: all.count, zeros: all.count { $0 == 0 }, minimum: Double(all.min() ?? 0),
        maximum: Double(all.max() ?? 0),
        magnitudes: Dictionary(uniqueKeysWithValues: quantiles.map { ($0.name, $0.value) }),
        largestNorm: tensor.groups.map { Projection.largestNorm(all, $0) })
    }
  }
}
