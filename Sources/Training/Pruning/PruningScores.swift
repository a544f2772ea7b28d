import Buffers
import Configuration
import Exchange
import Optimizers
import Parameters
import Pruning

/// What weights are worth, where that takes more than the weights as they are.
///
/// Scores that follow gradients are kept by the owners of the weights, and belong to a checkpoint.
final class PruningScores {
  private let criterion: PruningConfiguration.Criterion
  private let plan: PruningPlan
  private unowned let exchange: Exchange
  /// Scores of owned places by gradients; empty for other criteria.
  private let kept: HostBuffer<Float>
  /// Scores that need whole tensors, once per node.
  private let shared: ParameterStore?

  /// Collective.
  init(
    _ criterion: PruningConfiguration.Criterion, _ plan: PruningPlan, _ exchange: Exchange
  ) throws {
    self.criterion = criterion
    self.plan = plan
    self.exchange = exchange
    kept = HostBuffer(count: criterion.followsGradients ? exchange.owned.scalarCount : 0)
    shared = criterion == .lamp ? try exchange.makeStore(name: "aimass-scores") : nil
  }

  /// Takes a step's gradient of an owned block in, before its weights move.
  func observe(_ block: GlobalGradients.Block) {
    guard kept.count > 0 else { return }
    let scores = kept.base + exchange.owned.offset(ofBlock: block.index)
    let weights = exchange.store.base + block.range.lowerBound
    if criterion == .saliency {
      for index in 0..<block.range.count {
        scores[index] = (block.values[index] * weights[index]).magnitude
      }
    } else {
      for index in 0..<block.range.count { scores[index] -= block.values[index] * weights[index] }
    }
  }

  /// What a resume must restore; empty where weights are enough.
  var state: [StateArray] {
    guard kept.count > 0 else { return [] }
    return exchange.owned.stretches.map {
      StateArray(name: "pruning.scores", range: $0.range, base: kept.base + $0.offset)
    }
  }

  /// Forgets all gradients, or those of what is dead now.
  func clear(keeping mask: ParameterMask? = nil) {
    guard let mask else { return kept.all.update(repeating: 0) }
    for part in state { mask.clearDead(part.range, in: part.base) }
  }

  /// Lends the scores of what this rank owns, to be selected from; collective.
  func withStretches<Result>(
    _ mask: ParameterMask?, _ body: (_ stretches: [ScoreStretch]) throws -> Result
  ) throws -> Result {
    switch criterion {
    case .magnitude: return try body(owned { UnsafePointer(exchange.store.base + $0.lowerBound) })
    case .lamp:
      guard let shared else { preconditionFailure("scores without memory") }
      try scoreTensors(into: shared.base)
      return try body(owned { UnsafePointer(shared.base + $0.lowerBound) })
    case .saliency:
      return try body(state.map { ScoreStretch(range: $0.range, base: UnsafePointer($0.base)) })
    case .movement:
      let ordered = HostBuffer<Float>(count: kept.count)
      for index in 0..<kept.count { ordered.base[index] = SignedScores.ordered(kept.base[index]) }
      let stretches = exchange.owned.stretches
      for part in stretches { mask?.clearDead(part.range, in: ordered.base + part.offset) }
      return try body(
        stretches.map {
          ScoreStretch(range: $0.range, base: UnsafePointer(ordered.base + $0.offset))
        })
    }
  }

  /// The scores of all places that are in this node's memory; collective.
  ///
  /// Only of criteria that are known of whole tensors.
  func whole() throws -> UnsafePointer<Float> {
    guard let shared else {
      precondition(criterion == .magnitude, "scores that only owners have")
      return UnsafePointer(exchange.store.base)
    }
    try scoreTensors(into: shared.base)
    return UnsafePointer(shared.base)
  }

  private func owned(
    _ base: (_ range: Range<Int>) -> UnsafePointer<Float>
  ) -> [ScoreStretch] {
    exchange.owned.stretches.map { ScoreStretch(range: $0.range, base: base($0.range)) }
  }

  /// Every node scores all tensors, its ranks in turn.
  private func scoreTensors(into scores: UnsafeMutablePointer<Float>) throws {
    let (rank, size) = (exchange.node.seat.localRank, exchange.node.local.size)
    for (index, tensor) in plan.tensors.enumerated() where index % size == rank {
      LayerAdaptiveScores.write(
        exchange.store.base + tensor.range.lowerBound, count: tensor.range.count,
        into: scores + tensor.range.lowerBound)
    }
    try exchange.node.local.barrier()
  }
}
