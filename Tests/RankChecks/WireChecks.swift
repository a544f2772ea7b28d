import Exchange
import MPI
import Parameters

/// A layout with everything that travels in its own way, and gradients that touch few rows of its tables.
struct WireDraws {
  let layout: ParameterLayout
  let gradients: [[Float]]

  /// Draws gradients; `marked` says whether the tables are said to be tables.
  init(microbatches: Int, marked: Bool) {
    var layout = ParameterLayout()
    _ = layout.reserve("first", [5], initializer: .constant(0))
    _ = layout.reserve("table", [900, 9], initializer: .constant(0), table: marked ? .dense : nil)
    _ = layout.reserve("dense", [70, 101], initializer: .constant(0))
    let statistic = ParameterSlot.Role.statistic(momentum: 0.1, rowsPerSample: 1)
    _ = layout.reserve("mean", [33], role: statistic, initializer: .constant(0))
    _ = layout.reserve("wide", [5, 700], initializer: .constant(0), table: marked ? .dense : nil)
    _ = layout.reserve("last", [4097], initializer: .constant(0))
    self.layout = layout
    gradients = (0..<microbatches).map { index in
      var values = (0..<layout.count).map { draw($0, index) }
      for slot in layout.slots where slot.name == "table" || slot.name == "wide" {
        let width = slot.shape[1]
        for row in 0..<slot.shape[0] where (row * 7 + index) % 13 != 0 {
          for place in slot.offset + row * width..<slot.offset + (row + 1) * width {
            values[place] = 0
          }
        }
      }
      return values
    }
  }
}

/// The ways to group ranks into nodes, at least `least` of them.
func wireNodes(
  _ world: Communicator, least: Int, _ body: (_ node: Node, _ what: String) throws -> Void
) throws {
  var seen: Set<[Int]> = []
  for (name, color) in [
    ("nodes of one", { $0 }), ("pairs", { $0 / 2 }), ("turns", { $0 % 2 }),
    ("all but one", { $0 == world.size - 1 ? 1 : 0 }),
  ] as [(String, (Int) -> Int)] {
    let colors = (0..<world.size).map(color)
    guard Set(colors).count >= least, seen.insert(colors).inserted else { continue }
    let machine = try world.split(color: Int32(color(world.rank)), key: 0)
    try body(Node(world, machine: machine), name)
  }
}

/// A step of an exchange, with plain descent by 1/8 as its update.
///
/// - Returns: the whole global gradient, joined over ranks.
func wireStep(
  _ exchange: Exchange, _ microbatches: Int, isLive: (Int) -> Bool = { _ in true },
  rate: Float = 0.125, _ gradient: (_ microbatch: Int) -> [Float]
) throws -> [Float] {
  try exchange.begin(microbatches: microbatches)
  for index in exchange.share {
    var gradients = try exchange.lendGradients()
    gradients.microbatch = index
    for (place, value) in gradient(index).enumerated() { gradients.values.base[place] = value }
    try exchange.submit(gradients)
  }
  var bits = [UInt64](repeating: 0, count: exchange.plan.layout.count)
  while let bucket = try exchange.nextReduced() {
    for index in exchange.ownedBlocks(in: bucket) {
      let block = exchange.block(index, in: bucket)
      for place in block.range {
        let value = block.values[place - block.range.lowerBound]
        bits[place] = UInt64(value.bitPattern)
        if isLive(place) { exchange.store.base[place] -= rate * value }
      }
    }
    try exchange.publish(bucket)
  }
  try exchange.finish()
  try exchange.node.world.allReduce(&bits, by: .sum)
  return bits.map { Float(bitPattern: UInt32($0)) }
}

private func bits(_ values: [Float]) -> [UInt32] { values.map(\.bitPattern) }

private func bytes(_ exchange: Exchange) throws -> Int {
  Int(try exchange.node.world.allReduce(Int64(exchange.bytesSent), by: .sum))
}

/// Other forms of what travels between nodes, against what their definitions say.
func checkWire(_ world: Communicator, _ arguments: [String]) throws {
  let marked = WireDraws(microbatches: 9, marked: true)
  let plain = WireDraws(microbatches: 9, marked: false)
  try wireNodes(world, least: 2) { node, what in
    for bucketBytes in [1, 3 * 16_384, 64 << 20] {
      try checkRows(node, marked, plain, bucketBytes, what)
      try checkBFloat16(node, marked, bucketBytes, what)
      for share in [0.0, 0.1, 0.45, 0.9] {
        for format in [WireFormat.float32, .bfloat16] {
          try checkLive(node, marked, bucketBytes, format, share, what)
        }
      }
    }
  }
}

/// Rows that are left out change no bit, and fewer bytes travel.
private func checkRows(
  _ node: Node, _ marked: WireDraws, _ plain: WireDraws, _ bucketBytes: Int, _ what: String
) throws {
  let sparse = try Exchange(node, layout: marked.layout, bucketBytes: bucketBytes)
  let dense = try Exchange(node, layout: plain.layout, bucketBytes: bucketBytes)
  // The second step takes the first one back: what counts is the last weight sent, not the first.
  for (microbatches, sign) in [(9, 1), (9, -1), (4, 1), (1, 1), (9, 1)] as [(Int, Float)] {
    let found = try wireStep(sparse, microbatches) { marked.gradients[$0].map { sign * $0 } }
    let expected = try wireStep(dense, microbatches) { plain.gradients[$0].map { sign * $0 } }
    try expectSame(bits(found), bits(expected), "rows of \(microbatches) microbatches, \(what)")
    try expectSame(
      bits(Array(sparse.store.all)), bits(Array(dense.store.all)), "weights by rows, \(what)")
  }
  let (few, all) = (try bytes(sparse), try bytes(dense))
  guard few > 0, Double(few) < 0.8 * Double(all) else {
    throw CheckFailure("\(few) bytes by rows, \(all) without, \(what)")
  }
}

/// What nodes send is rounded, and all else is the tree's sum in float32.
private func checkBFloat16(
  _ node: Node, _ drawn: WireDraws, _ bucketBytes: Int, _ what: String
) throws {
  let exchange = try Exchange(
    node, layout: drawn.layout, bucketBytes: bucketBytes, wire: .bfloat16)
  for microbatches in [9, 5, 2, 1] {
    let found = try wireStep(exchange, microbatches) { drawn.gradients[$0] }
    let expected = roundedSum(exchange, drawn, microbatches)
    try expectSame(bits(found), bits(expected), "bfloat16 of \(microbatches), \(what)")
  }
  // Rounding that changes nothing would prove nothing.
  let exact = treeSum(drawn.gradients[...])
  try expectEqual(
    bits(roundedSum(exchange, drawn, 9)) == bits(exact), false, "whether rounding shows")
}

private func roundedSum(
  _ exchange: Exchange, _ drawn: WireDraws, _ microbatches: Int
) -> [Float] {
  let (plan, topology) = (exchange.plan, exchange.node.topology)
  let deal = Deal(microbatches: microbatches, topology: topology)
  var sum = [Float](repeating: 0, count: drawn.layout.count)
  for owner in topology.nodes.indices {
    var known: [Range<Int>: [Float]] = [:]
    for (node, run) in deal.runs.enumerated() {
      for part in SummationTree.nodes(covering: run, of: microbatches) {
        let exact = treeSum(drawn.gradients[part])
        known[part] = node == owner ? exact : rounded(exact, drawn.layout)
      }
    }
    let all = join(0..<microbatches, known)
    for bucket in plan.buckets.indices {
      for place in drawn.layout.range(ofBlocks: plan.part(ofNode: owner, in: bucket)) {
        sum[place] = all[place]
      }
    }
  }
  return sum
}

private func rounded(_ values: [Float], _ layout: ParameterLayout) -> [Float] {
  var values = values
  for slot in layout.slots where slot.role == .trainable {
    for place in slot.range {
      // Of finite numbers: the nearest with eight bits, ties to even.
      let value = values[place]
      guard value != 0 else { continue }
      let step = Float(sign: .plus, exponent: Int(value.exponent) - 7, significand: 1)
      values[place] = (value / step).rounded(.toNearestOrEven) * step
    }
  }
  return values
}

private func join(_ run: Range<Int>, _ known: [Range<Int>: [Float]]) -> [Float] {
  if let values = known[run] { return values }
  var half = 1
  while half * 2 < run.count { half *= 2 }
  let middle = run.lowerBound + half
  return zip(join(run.lowerBound..<middle, known), join(middle..<run.upperBound, known)).map(+)
}

/// Live entries have the bits they have without a mask; the others stay.
private func checkLive(
  _ node: Node, _ drawn: WireDraws, _ bucketBytes: Int, _ format: WireFormat, _ share: Double,
  _ what: String
) throws {
  let live = (0..<drawn.layout.count).map { place in
    Double(abs(Int(draw(place, 77).bitPattern >> 3) % 1000)) < share * 1000
  }
  let masked = try Exchange(node, layout: drawn.layout, bucketBytes: bucketBytes, wire: format)
  let dense = try Exchange(node, layout: drawn.layout, bucketBytes: bucketBytes, wire: format)
  for exchange in [masked, dense] {
    // The ranks of a node share what they fill.
    for place in live.indices { exchange.store.base[place] = Float(place % 1000) }
    try node.world.barrier()
  }
  masked.setLive(ParameterMask(count: live.count) { live[$0] })
  for microbatches in [9, 3, 1] {
    let found = try wireStep(masked, microbatches, isLive: { live[$0] }) { drawn.gradients[$0] }
    let whole = try wireStep(dense, microbatches) { drawn.gradients[$0] }
    let expected = live.indices.map { live[$0] ? whole[$0] : 0 }
    try expectSame(bits(found), bits(expected), "live of \(microbatches), \(share), \(what)")
    try expectSame(
      bits(Array(masked.store.all)),
      bits(live.indices.map { live[$0] ? dense.store.base[$0] : Float($0 % 1000) }),
      "live weights of \(microbatches), \(share), \(what)")
  }
  let (few, all) = (try bytes(masked), try bytes(dense))
  guard share > 0.5 || Double(few) < (share + 0.1) * Double(all) else {
    throw CheckFailure("\(few) bytes with \(share) live, \(all) without a mask, \(what)")
  }
}
