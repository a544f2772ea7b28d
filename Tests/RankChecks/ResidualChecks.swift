import Exchange
import MPI
import Parameters

/// One rank's residuals, kept here by the definition and in sorted order.
private final class Ledger {
  let settings: WireFormat.TopK
  let layout: ParameterLayout
  /// The stretches of the canonical order this rank looks after, as the exchange tells.
  let parts: [Range<Int>]
  var owed: [Float]
  var velocity: [Float]

  init(_ settings: WireFormat.TopK, _ exchange: Exchange) {
    self.settings = settings
    layout = exchange.plan.layout
    parts = exchange.wireState.filter { $0.name.hasPrefix("wire.owed") }.map(\.range)
    owed = .init(repeating: 0, count: layout.count)
    velocity = owed
  }

  /// What this rank sends of its node's sum; zeros in what is not its own.
  func send(_ gradient: [Float], step: Int) -> [Float] {
    var sent = [Float](repeating: 0, count: gradient.count)
    for part in parts {
      for slot in layout.slots where slot.range.overlaps(part) {
        let stretch = slot.range.clamped(to: part)
        guard slot.role == .trainable, slot.count >= 4096 else {
          for place in stretch { sent[place] = gradient[place] }
          continue
        }
        for place in stretch {
          velocity[place] = Float(settings.momentum) * velocity[place] + gradient[place]
          owed[place] += velocity[place]
        }
        let most = (settings.density(atStep: step) * Double(stretch.count)).rounded(.up)
        let sorted = stretch.sorted { (abs(owed[$0]), $1) > (abs(owed[$1]), $0) }
        for place in sorted.prefix(max(1, Int(most))) {
          sent[place] = owed[place]
          (owed[place], velocity[place]) = (0, 0)
        }
      }
    }
    return sent
  }
}

/// Sparse gradients with error feedback, against the recursion kept beside them.
///
/// Gradients are small whole numbers and the momentum is a half, so that all sums are exact.
func checkResiduals(_ world: Communicator, _ arguments: [String]) throws {
  let drawn = WireDraws(microbatches: 8, marked: true)
  try wireNodes(world, least: 1) { node, what in
    for momentum in [0, 0.5] {
      for bucketBytes in [3 * 16_384, 64 << 20] {
        let settings = WireFormat.TopK(density: 0.02, momentum: momentum, warmupSteps: 3)
        try checkRecursion(node, drawn, settings, bucketBytes, "\(what), momentum \(momentum)")
      }
    }
    try checkConvergence(node, what)
  }
}

private func whole(_ drawn: WireDraws, _ microbatch: Int, _ step: Int) -> [Float] {
  drawn.gradients[microbatch].indices.map { place in
    let value = draw(place, 100 * step + microbatch)
    return drawn.gradients[microbatch][place] == 0 ? 0 : Float((value.bitPattern >> 5) % 33) - 16
  }
}

private func checkRecursion(
  _ node: Node, _ drawn: WireDraws, _ settings: WireFormat.TopK, _ bucketBytes: Int, _ what: String
) throws {
  func make() throws -> Exchange {
    try Exchange(node, layout: drawn.layout, bucketBytes: bucketBytes, wire: .topK(settings))
  }
  var exchange = try make()
  let ledger = Ledger(settings, exchange)
  for step in 0..<7 {
    let microbatches = [8, 7, 8, 1, 8, 8, 8][step]
    if step == 4 { exchange = try resumed(exchange, into: make(), step: step) }
    let found = try wireStep(exchange, microbatches) { whole(drawn, $0, step) }
    let run = exchange.deal.runs[node.seat.node]
    var gradient = [Float](repeating: 0, count: drawn.layout.count)
    for index in run {
      for (place, value) in whole(drawn, index, step).enumerated() { gradient[place] += value }
    }
    var sent = run.isEmpty ? gradient : ledger.send(gradient, step: step)
    try node.world.allReduce(&sent, by: .sum)
    try expectSame(found, sent, "step \(step) of \(what)")
    for part in exchange.wireState {
      let mine = part.name.hasPrefix("wire.owed") ? ledger.owed : ledger.velocity
      try expectSame(
        (0..<part.range.count).map { part.base[$0] }, Array(mine[part.range]),
        "\(part.name) after step \(step) of \(what)")
    }
  }
  try checkDead(exchange, drawn, what)
  let sent = Int(try node.world.allReduce(Int64(exchange.bytesSent), by: .sum))
  let dense = try Exchange(node, layout: drawn.layout, bucketBytes: bucketBytes)
  for step in 4..<7 { _ = try wireStep(dense, 8) { whole(drawn, $0, step) } }
  let all = Int(try node.world.allReduce(Int64(dense.bytesSent), by: .sum))
  guard node.topology.nodes.count == 1 || sent > 0 && Double(sent) < 0.7 * Double(all)
  else {
    throw CheckFailure("\(sent) bytes sparse, \(all) dense, \(what)")
  }
}

/// What is dead from now on is neither sent nor owed.
private func checkDead(_ exchange: Exchange, _ drawn: WireDraws, _ what: String) throws {
  let mask = ParameterMask(count: drawn.layout.count) { $0 % 3 == 0 }
  exchange.setLive(mask)
  let found = try wireStep(exchange, 8, isLive: mask.isLive) { whole(drawn, $0, 9) }
  try expectEqual(
    found.indices.allSatisfy { found[$0] == 0 || mask.isLive($0) }, true,
    "whether only live entries are sent, \(what)")
  for part in exchange.wireState {
    let isClean = part.range.allSatisfy { place in
      part.base[place - part.range.lowerBound] == 0 || mask.isLive(place)
    }
    try expectEqual(isClean, true, "whether \(part.name) owes to live entries only, \(what)")
  }
}

/// Another exchange with the weights and residuals of the first.
private func resumed(_ old: Exchange, into new: Exchange, step: Int) throws -> Exchange {
  for place in 0..<old.plan.layout.count { new.store.base[place] = old.store.base[place] }
  for (from, to) in zip(old.wireState, new.wireState) {
    try expectEqual(to.name, from.name, "the name of a stretch")
    to.base.update(from: from.base, count: from.range.count)
  }
  new.stepsTaken = step
  try old.node.world.barrier()
  return new
}

/// A sum of squares around one place per microbatch: descent ends at their mean, though one entry in
/// fifty travels.
private func checkConvergence(_ node: Node, _ what: String) throws {
  var layout = ParameterLayout()
  let slot = layout.reserve("w", [8192], initializer: .constant(0))
  let settings = WireFormat.TopK(density: 0.02, momentum: 0.5, warmupSteps: 40)
  let exchange = try Exchange(node, layout: layout, bucketBytes: 1 << 20, wire: .topK(settings))
  let microbatches = 4
  func target(_ place: Int, _ microbatch: Int) -> Float {
    Float(place % 17) - 8 + Float((place * 31 + microbatch * 11) % 7)
  }
  for _ in 0..<600 {
    let weights = Array(exchange.store.all)
    _ = try wireStep(exchange, microbatches, rate: 0.005 / Float(microbatches)) { index in
      slot.range.map { weights[$0] - target($0, index) }
    }
  }
  var (first, last) = (0.0, 0.0)
  for place in slot.range {
    let mean = (0..<microbatches).reduce(Float(0)) { $0 + target(place, $1) } / Float(microbatches)
    first += Double(mean * mean)
    last += Double((exchange.store.base[place] - mean) * (exchange.store.base[place] - mean))
  }
  guard last < 0.01 * first else {
    throw CheckFailure("the distance fell from \(first) to \(last) only, \(what)")
  }
}
