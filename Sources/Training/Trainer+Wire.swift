import Checkpoints
import Configuration
import Exchange

extension WireFormat {
  /// The form that a configuration asks for.
  init(_ configuration: ExchangeConfiguration.Wire) {
    switch configuration {
    case .float32: self = .float32
    case .bfloat16: self = .bfloat16
    case .topK(let density, let momentum, let warmupSteps):
      self = .topK(TopK(density: density, momentum: momentum, warmupSteps: warmupSteps))
    }
  }
}

extension Trainer {
  /// Scalars per parameter that the exchange keeps in a checkpoint, over all nodes.
  var wireStatesPerParameter: Int {
    Set(exchange.wireState.map(\.name)).count * exchange.node.topology.nodes.count
  }

  /// Loads what nodes owe to later steps.
  ///
  /// A residual belongs to a node, so on another number of nodes all begin without.
  func restoreWire(_ checkpoint: Checkpoint) throws {
    exchange.stepsTaken = state.step
    let parts = exchange.wireState
    guard parts.allSatisfy({ checkpoint.holds($0.name) }) else {
      observer?.noted(
        "the checkpoint holds no residuals of \(exchange.node.topology.nodes.count) nodes: what was "
          + "not sent yet is forgotten")
      return
    }
    for part in parts { try checkpoint.read(part.name, part.range, into: part.base) }
  }
}
