import Buffers
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
  /// A residual belongs to a node. On another number of nodes the first of them takes over what all have owed, in the order of
  /// the old ones: what they owe together, and how it moves on, is a sum over nodes, so nothing is lost.
  func restoreWire(_ checkpoint: Checkpoint) throws {
    exchange.stepsTaken = state.step
    let parts = exchange.wireState
    guard !parts.isEmpty else { return }
    if parts.allSatisfy({ checkpoint.holds($0.name) }) {
      for part in parts { try checkpoint.read(part.name, part.range, into: part.base) }
      return
    }
    for part in parts { part.base.update(repeating: 0, count: part.range.count) }
    let names = checkpoint.manifest.arrayNames
    let nodes = WireState.nodes(of: names)
    guard nodes > 0 else {
      observer?.noted("the checkpoint holds no residuals: all nodes begin without")
      return
    }
    observer?.noted(
      "the checkpoint holds residuals of \(nodes) nodes, and now there are \(exchange.node.topology.nodes.count): the first "
        + "one owes what all of them have not sent yet")
    guard exchange.node.seat.node == 0 else { return }
    for part in parts {
      let room = HostBuffer<Float>(count: part.range.count)
      for name in part.names(ofNodes: nodes) where names.contains(name) {
        try checkpoint.read(name, part.range, into: room.base)
        for index in 0..<part.range.count { part.base[index] += room[index] }
      }
    }
  }
}
