import Exchange
import MPI
import Parameters

/// The exchange against the tree's sum computed here, on one rank, by the definition.
func checkExchange(_ world: Communicator, _ arguments: [String]) throws {
  let block = ParameterLayout.blockSize
  // One scalar leaves ranks without a block; the last block is short, or exactly full.
  for count in [1, 3 * block + 17, 9 * block] {
    var layout = ParameterLayout()
    _ = layout.reserve("first", [1], initializer: .constant(0))
    if count > 1 { _ = layout.reserve("rest", [count - 1], initializer: .constant(0)) }
    // Messages of one block, of two, and of everything.
    for bucketBytes in [1, 2 * block * 4 + 3, 64 << 20] {
      let exchange = Exchange(world, layout: layout, bucketBytes: bucketBytes)
      try checkOwners(exchange, world)
      // Down and up again: buffers of a longer step serve a shorter one.
      for microbatches in [9, 8, 7, 6, 5, 4, 3, 2, 1, 9] {
        try checkStep(exchange, world, microbatches: microbatches, salt: bucketBytes % 7)
      }
    }
  }
}

/// Every block has one owner, and ranks own runs in rank order.
private func checkOwners(_ exchange: Exchange, _ world: Communicator) throws {
  let bounds = [Int64(exchange.ownedRange.lowerBound), Int64(exchange.ownedRange.upperBound)]
  let all = try world.allGatherVariable(bounds).flatMap { $0 }
  try expectEqual(all.first, 0, "the start of the first owner's range")
  try expectEqual(all.last, Int64(exchange.layout.count), "the end of the last owner's range")
  for rank in 1..<max(1, world.size) {
    try expectEqual(all[2 * rank], all[2 * rank - 1], "the start of rank \(rank)'s range")
  }
}

/// One whole step: reduce, update, publish.
private func checkStep(
  _ exchange: Exchange, _ world: Communicator, microbatches: Int, salt: Int
) throws {
  let layout = exchange.layout
  let what = "\(microbatches) microbatches, \(layout.count) scalars on rank \(world.rank)"
  exchange.begin(microbatches: microbatches)
  for index in exchange.share {
    var gradients = exchange.lendGradients()
    gradients.microbatch = index
    for place in 0..<layout.count { gradients.values.base[place] = draw(place, index, salt) }
    exchange.submit(gradients)
  }
  try exchange.reduce()
  let sums = (0..<layout.count).map { place in
    treeSum((0..<microbatches).map { draw(place, $0, salt) })
  }
  let store = ParameterStore(layout)
  for index in exchange.ownedBlocks {
    let part = exchange.block(index)
    let found = (0..<part.range.count).map { part.values[$0].bitPattern }
    try expectSame(found, sums[part.range].map(\.bitPattern), "block \(index) of \(what)")
    for place in part.range { store.base[place] = -part.values[place - part.range.lowerBound] }
  }
  try exchange.publish(store)
  try expectSame(
    store.all.map(\.bitPattern), sums.map { (-$0).bitPattern }, "published weights of \(what)")
  try checkThatOrderMatters(microbatches, sums, salt)
}

/// The sum from left to right has other bits, else the comparison would prove nothing.
private func checkThatOrderMatters(_ microbatches: Int, _ sums: [Float], _ salt: Int) throws {
  guard microbatches > 3, sums.count > 1000 else { return }
  let others = sums.indices.filter { place in
    let plain = (1..<microbatches).reduce(draw(place, 0, salt)) { $0 + draw(place, $1, salt) }
    return plain.bitPattern != sums[place].bitPattern
  }
  try expectEqual(others.isEmpty, false, "whether the order of additions shows")
}

/// The tree's sum: split at the largest power of two below the number of terms.
private func treeSum(_ terms: [Float]) -> Float {
  guard terms.count > 1 else { return terms[0] }
  var half = 1
  while half * 2 < terms.count { half *= 2 }
  return treeSum(Array(terms[..<half])) + treeSum(Array(terms[half...]))
}

/// A number of any sign and of very unlike sizes, by SplitMix64 of the place.
private func draw(_ place: Int, _ microbatch: Int, _ salt: Int) -> Float {
  var bits = UInt64(place) &* 1_000_003 &+ UInt64(microbatch) &* 7919 &+ UInt64(salt)
  bits = (bits &+ 0x9E37_79B9_7F4A_7C15) &* 0xBF58_476D_1CE4_E5B9
  bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
  bits ^= bits >> 31
  let mantissa = Float(Int32(truncatingIfNeeded: bits >> 40) - (1 << 23))
  return mantissa * Float(sign: .plus, exponent: Int(bits % 24) - 12, significand: 1)
}
