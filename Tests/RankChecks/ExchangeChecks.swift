import Exchange
import MPI
import Parameters

/// The gradients of some microbatches and their sum along the tree, drawn once for all groupings.
private final class Draws {
  let layout: ParameterLayout
  let gradients: [[Float]]
  private var sums: [Int: [Float]] = [:]

  init(count: Int, microbatches: Int) {
    var layout = ParameterLayout()
    _ = layout.reserve("first", [1], initializer: .constant(0))
    if count > 1 { _ = layout.reserve("rest", [count - 1], initializer: .constant(0)) }
    self.layout = layout
    gradients = (0..<microbatches).map { index in (0..<count).map { draw($0, index) } }
  }

  func sum(of microbatches: Int) -> [Float] {
    if let known = sums[microbatches] { return known }
    let sum = treeSum(gradients[..<microbatches])
    sums[microbatches] = sum
    return sum
  }
}

/// The exchange against the tree's sum computed here, on one rank, by the definition.
///
/// Ranks are grouped into nodes in every way that matters: all on one, each on its own, in pairs, in
/// two halves that take turns, and all but one together. What a real network adds, virtual nodes show.
func checkExchange(_ world: Communicator, _ arguments: [String]) throws {
  let block = ParameterLayout.blockSize
  let groupings: [(name: String, color: (Int) -> Int)] = [
    ("one node", { _ in 0 }), ("nodes of one", { $0 }), ("pairs", { $0 / 2 }),
    ("turns", { $0 % 2 }), ("all but one", { $0 == world.size - 1 ? 1 : 0 }),
  ]
  // One scalar leaves ranks without a block; the last block is short, or exactly full.
  let draws = [1, 3 * block + 17, 7 * block].map { Draws(count: $0, microbatches: 9) }
  for drawn in draws { try checkThatOrderMatters(drawn) }
  var seen: Set<[Int]> = []
  for (name, color) in groupings {
    guard seen.insert((0..<world.size).map(color)).inserted else { continue }
    let machine = try world.split(color: Int32(color(world.rank)), key: 0)
    let node = try Node(world, machine: machine)
    try expectEqual(node.sharingProblem, nil, "what keeps ranks from sharing memory")
    for drawn in draws {
      // Buckets of one block, of two, and of everything; groups of one, two and four microbatches.
      for (bucketBytes, group) in [(1, 1), (2 * block * 4 + 3, 2), (64 << 20, 4)] {
        let exchange = try Exchange(
          node, layout: drawn.layout, bucketBytes: bucketBytes, group: group)
        try checkOwners(exchange, world)
        // Down and up again: buffers of a longer step serve a shorter one.
        for microbatches in [9, 8, 7, 6, 5, 4, 3, 2, 1, 9] {
          try checkStep(
            exchange, drawn, microbatches,
            "\(microbatches) microbatches, \(drawn.layout.count) scalars, \(name)")
        }
      }
    }
  }
}

/// Every block has one owner.
private func checkOwners(_ exchange: Exchange, _ world: Communicator) throws {
  let mine = exchange.owned.runs.flatMap { $0.map(Int64.init) }
  let all = try world.allGatherVariable(mine).flatMap { $0 }
  try expectSame(
    all.sorted(), (0..<exchange.plan.layout.blockCount).map(Int64.init), "the blocks owned")
}

/// One whole step: reduce, update, publish.
///
/// Negated sums stand for new weights.
private func checkStep(
  _ exchange: Exchange, _ drawn: Draws, _ microbatches: Int, _ what: String
) throws {
  let layout = exchange.plan.layout
  try exchange.begin(microbatches: microbatches)
  for index in exchange.share {
    var gradients = try exchange.lendGradients()
    gradients.microbatch = index
    // From the last scalar down, as a backward pass does, telling how far it has come.
    for start in stride(from: (layout.count - 1) / 5_000 * 5_000, through: 0, by: -5_000) {
      for place in start..<min(layout.count, start + 5_000) {
        gradients.values.base[place] = drawn.gradients[index][place]
      }
      try exchange.advance(from: start)
    }
    try exchange.submit(gradients)
  }
  let sums = drawn.sum(of: microbatches)
  // Every second step publishes as it goes.
  let early = microbatches % 2 == 0
  while let bucket = try exchange.nextReduced() {
    try checkBlocks(exchange, bucket, sums, what)
    if early { try exchange.publish(bucket) }
  }
  if !early {
    for bucket in exchange.plan.buckets.indices { try exchange.publish(bucket) }
  }
  try exchange.finish()
  try expectSame(
    exchange.store.all.map(\.bitPattern), sums.map { (-$0).bitPattern },
    "published weights of \(what)")
}

private func checkBlocks(
  _ exchange: Exchange, _ bucket: Int, _ sums: [Float], _ what: String
) throws {
  for index in exchange.ownedBlocks(in: bucket) {
    let part = exchange.block(index, in: bucket)
    let found = (0..<part.range.count).map { part.values[$0].bitPattern }
    try expectSame(found, sums[part.range].map(\.bitPattern), "block \(index) of \(what)")
    for place in part.range {
      exchange.store.base[place] = -part.values[place - part.range.lowerBound]
    }
  }
}

/// The sum from left to right has other bits, else the comparison would prove nothing.
private func checkThatOrderMatters(_ drawn: Draws) throws {
  guard drawn.layout.count > 1000 else { return }
  for microbatches in 4...9 {
    var plain = drawn.gradients[0]
    for next in drawn.gradients[1..<microbatches] {
      for place in plain.indices { plain[place] += next[place] }
    }
    try expectEqual(
      plain.map(\.bitPattern) == drawn.sum(of: microbatches).map(\.bitPattern), false,
      "whether \(microbatches) terms have the same sum in any order")
  }
}

/// The tree's sum: split at the largest power of two below the number of terms.
func treeSum(_ terms: ArraySlice<[Float]>) -> [Float] {
  guard terms.count > 1 else { return terms[terms.startIndex] }
  var half = 1
  while half * 2 < terms.count { half *= 2 }
  let middle = terms.startIndex + half
  return zip(treeSum(terms[..<middle]), treeSum(terms[middle...])).map(+)
}

/// A number of any sign and of very unlike sizes, by SplitMix64 of the place.
func draw(_ place: Int, _ microbatch: Int) -> Float {
  var bits = UInt64(place) &* 1_000_003 &+ UInt64(microbatch) &* 7919
  bits = (bits &+ 0x9E37_79B9_7F4A_7C15) &* 0xBF58_476D_1CE4_E5B9
  bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
  bits ^= bits >> 31
  let mantissa = Float(Int32(truncatingIfNeeded: bits >> 40) - (1 << 23))
  return mantissa * Float(sign: .plus, exponent: Int(bits % 24) - 12, significand: 1)
}
