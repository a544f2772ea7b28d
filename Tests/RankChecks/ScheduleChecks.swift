import Exchange
import Glibc
import MPI
import Parameters

/// Steps under schedules that are shaken at random: ranks sleep between and inside the exchange's calls.
///
/// A gradient is a function of the weights as they are when it is written, so a weight that is updated
/// too early, a gradient that is overwritten before all have read it, or a sum that is taken too early
/// all end in other bits than those of the same steps on one rank by the definition.
func checkSchedules(_ world: Communicator, _ arguments: [String]) throws {
  let seeds = arguments.first.flatMap { Int($0) } ?? 12
  var layout = ParameterLayout()
  _ = layout.reserve("w", [5 * ParameterLayout.blockSize + 11], initializer: .constant(0))
  for grouping in [0, 1, 2] {
    let color = grouping == 0 ? 0 : grouping == 1 ? world.rank / 2 : world.rank % 2
    let node = try Node(world, machine: world.split(color: Int32(color), key: 0))
    for seed in 0..<seeds {
      // A message names the seed, which runs the same draws again.
      let what = "seed \(seed), grouping \(grouping)"
      let exchange = try Exchange(
        node, layout: layout, bucketBytes: [1, 2, 64][seed % 3] * ParameterLayout.blockSize * 4)
      let shaker = Shaker(seed: seed * 64 + world.rank)
      exchange.observer = shaker
      let reference = Reference(layout.count)
      for step in 0..<5 {
        let microbatches = 2 + (seed + step) % 7
        try shakenStep(exchange, shaker, microbatches: microbatches, early: step % 2 == 0)
        reference.step(microbatches)
        try expectSame(
          exchange.store.all.map(\.bitPattern), reference.weights.map(\.bitPattern),
          "weights after step \(step), \(what)")
      }
    }
  }
}

/// Sleeps at random, also where the exchange tells what it does.
private final class Shaker: ExchangeObserver {
  private var state: UInt64

  init(seed: Int) { state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 | 1 }

  func shake() {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    // Mostly nothing, sometimes long enough for a neighbour to run ahead as far as it may.
    if state % 4 == 0 { usleep(UInt32(state >> 32) % 400) }
  }

  func began(_ stage: ExchangeStage, bucket: Int) { shake() }
  func waits(for peer: WaitPeer) { shake() }
  func wentOn() { shake() }
}

/// The gradient of one microbatch where a weight is `weight`.
private func gradient(_ place: Int, _ microbatch: Int, _ weight: Float) -> Float {
  Float((place &* 31 &+ microbatch &* 17) % 1009) * 0.37 - weight * 1.25
}

private func update(_ weight: Float, by sum: Float) -> Float { weight * 0.75 + sum * 0.01 }

private func shakenStep(
  _ exchange: Exchange, _ shaker: Shaker, microbatches: Int, early: Bool
) throws {
  let (layout, weights) = (exchange.plan.layout, exchange.store.base)
  try exchange.begin(microbatches: microbatches)
  func take(_ bucket: Int) throws {
    shaker.shake()
    for index in exchange.ownedBlocks(in: bucket) {
      let block = exchange.block(index, in: bucket)
      for place in block.range {
        weights[place] = update(
          weights[place], by: block.values[place - block.range.lowerBound])
      }
    }
    try exchange.publish(bucket)
  }
  for index in exchange.share {
    var lent = try exchange.lendGradients()
    lent.microbatch = index
    shaker.shake()
    for start in stride(from: layout.count / 3000 * 3000, through: 0, by: -3000) {
      for place in start..<min(layout.count, start + 3000) {
        lent.values.base[place] = gradient(place, index, weights[place])
      }
      try exchange.advance(from: start)
      shaker.shake()
      if early { while let bucket = try exchange.reducedAlready() { try take(bucket) } }
    }
    try exchange.submit(lent)
  }
  if early {
    while let bucket = try exchange.nextReduced() { try take(bucket) }
  } else {
    var buckets: [Int] = []
    while let bucket = try exchange.nextReduced() { buckets.append(bucket) }
    for bucket in buckets { try take(bucket) }
  }
  try exchange.finish()
}

/// The same steps by the definition.
private final class Reference {
  private(set) var weights: [Float]

  init(_ count: Int) { weights = [Float](repeating: 0, count: count) }

  func step(_ microbatches: Int) {
    for place in weights.indices {
      let terms = (0..<microbatches).map { gradient(place, $0, weights[place]) }
      weights[place] = update(weights[place], by: sum(terms[...]))
    }
  }

  private func sum(_ terms: ArraySlice<Float>) -> Float {
    guard terms.count > 1 else { return terms[terms.startIndex] }
    var half = 1
    while half * 2 < terms.count { half *= 2 }
    let middle = terms.startIndex + half
    return sum(terms[..<middle]) + sum(terms[middle...])
  }
}

/// A flipped bit in one node's copy of the weights is found and named.
func checkCorruption(_ world: Communicator, _ arguments: [String]) throws {
  let node = try Node(world, machine: world.split(color: Int32(world.rank / 2), key: 0))
  var layout = ParameterLayout()
  for name in ["first", "second", "third"] {
    _ = layout.reserve(name, [9_001], initializer: .constant(0))
  }
  let exchange = try Exchange(node, layout: layout, bucketBytes: 1)
  let check = try WeightCheck(exchange)
  try expectEqual(try check.run(), [], "differences of equal copies")
  let last = node.topology.nodes.count - 1
  for (place, tensor) in [(0, "first"), (12_345, "second"), (27_002, "third")] {
    let flips = node.seat.node == last && node.seat.localRank == 0
    let word = UnsafeMutableRawPointer(exchange.store.base + place)
      .assumingMemoryBound(to: UInt32.self)
    if flips { word.pointee ^= 1 }
    try world.barrier()
    let found = try check.run()
    if last > 0 {
      try expectEqual(found.isEmpty, false, "whether the flipped bit in \(tensor) was noticed")
      try expectEqual(found.contains { $0.tensor == tensor }, true, "whether \(tensor) is named")
      // The owner's copy is what others should have; a flipped owner makes all others differ.
      let named = found.allSatisfy { $0.node == last || $0.owner == last }
      try expectEqual(named, true, "whether the node is named")
    }
    try world.barrier()
    if flips { word.pointee ^= 1 }
    try world.barrier()
    try expectEqual(try check.run(), [], "differences after the bit was put back")
  }
}
