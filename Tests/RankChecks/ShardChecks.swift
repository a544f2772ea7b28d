import Exchange
import MPI
import Parameters

/// A sharded table, against the tree's sum over gradients that hold all of it.
///
/// The table is larger than any machine that runs the tests: only what is touched takes memory.
func checkShards(_ world: Communicator, _ arguments: [String]) throws {
  try checkSums(world, rows: 611, width: 7, microbatches: [9, 8, 4, 2, 1])
  try checkSums(world, rows: 5, width: 5000, microbatches: [3])
  try checkHuge(world)
}

private func makeTable(_ rows: Int, _ width: Int, _ layout: inout ParameterLayout) -> LazyTable {
  _ = layout.reserve("before", [4099], initializer: .constant(0))
  _ = layout.reserve("table", [rows, width], initializer: .constant(0), table: .sharded)
  _ = layout.reserve("after", [77], initializer: .constant(0))
  return layout.shardedTables[0]
}

/// The ids that a microbatch reads, some of them twice.
private func idsRead(_ microbatch: Int, _ rows: Int) -> [Int64] {
  (0..<23).map { Int64((($0 * $0 + 3) * (microbatch + 2) * 37) % rows) } + [Int64(rows - 1)]
}

private func distinct(_ ids: [Int64]) -> [Int64] { Set(ids).sorted() }

private func checkSums(
  _ world: Communicator, rows: Int, width: Int, microbatches all: [Int]
) throws {
  var layout = ParameterLayout()
  let table = makeTable(rows, width, &layout)
  let topology = Topology(nodeOfRank: (0..<world.size).map { $0 / 2 })
  let sharded = ShardedTable(world, topology, table, number: 0)
  try checkShares(world, sharded)
  for place in 0..<sharded.owned.count * width {
    sharded.values[place] = draw(sharded.owned.lowerBound * width + place, 99)
  }
  let seat = topology.seat(ofRank: world.rank)
  for count in all {
    let share = Array(Deal(microbatches: count, topology: topology).share(of: seat))
    let wanted = distinct(share.flatMap { idsRead($0, rows) })
    let sent = (bytes: sharded.bytesSent, messages: sharded.messagesSent)
    sharded.forget()
    for microbatch in share {
      idsRead(microbatch, rows).withUnsafeBufferPointer(sharded.want)
    }
    try sharded.fetch()
    for microbatch in share { try checkPass(sharded, microbatch, rows, width) }
    let others = share.flatMap { distinct(idsRead($0, rows)) }.filter {
      !sharded.owned.contains(Int($0))
    }
    try sharded.reduce(microbatches: count)
    try checkSums(sharded, count, rows, width)
    try checkTraffic(world, sharded, since: sent, wanted, others)
  }
}

/// Shares are whole row groups, equal up to one, and together the table.
private func checkShares(_ world: Communicator, _ sharded: ShardedTable) throws {
  let table = sharded.table
  let shares = (0..<world.size).map { ShardedTable.rows(of: table, ofRank: $0, of: world.size) }
  try expectEqual(shares.map(\.count).reduce(0, +), table.rowCount, "rows of all ranks")
  let groups = (table.rowCount + table.rowsPerGroup - 1) / table.rowsPerGroup
  let most = (groups + world.size - 1) / world.size * table.rowsPerGroup
  for share in shares where share.count > most || share.lowerBound % table.rowsPerGroup != 0 {
    throw CheckFailure("a share of \(share) of \(table.rowCount) rows")
  }
  try expectEqual(sharded.byteCount, sharded.owned.count * table.width * 4, "bytes of a share")
}

/// Reads rows, and hands in drawn gradients.
private func checkPass(
  _ sharded: ShardedTable, _ microbatch: Int, _ rows: Int, _ width: Int
) throws {
  let ids = idsRead(microbatch, rows)
  // Columns of a wider tensor.
  let stride = width + 3
  var found = [Float](repeating: 0, count: ids.count * stride)
  ids.withUnsafeBufferPointer { ids in
    found.withUnsafeMutableBufferPointer {
      if let base = $0.baseAddress { sharded.read(ids, into: base + 2, stride: stride) }
    }
  }
  let expected: [Float] = ids.flatMap { id -> [Float] in
    let row: [Float] = (0..<width).map { draw(Int(id) * width + $0, 99) }
    return [0, 0] + row + [0]
  }
  try expectSame(found.map(\.bitPattern), expected.map(\.bitPattern), "rows read")
  let gradient = drawGradient(microbatch, ids.count, width)
  ids.withUnsafeBufferPointer { ids in
    sharded.add(ids, gradient: gradient, stride: width, microbatch: microbatch)
  }
  try expectEqual(sharded.isFinite(microbatch: microbatch), true, "a finite gradient")
}

/// Drawn numbers, with negative zeros among them.
private func drawGradient(_ microbatch: Int, _ count: Int, _ width: Int) -> [Float] {
  (0..<count * width).map { $0 % 11 == microbatch % 11 ? -0.0 : draw($0, microbatch) }
}

private func checkSums(
  _ sharded: ShardedTable, _ microbatches: Int, _ rows: Int, _ width: Int
) throws {
  let dense = (0..<microbatches).map { microbatch in
    var whole = [Float](repeating: 0, count: rows * width)
    let ids = idsRead(microbatch, rows)
    let gradient = drawGradient(microbatch, ids.count, width)
    for (number, id) in ids.enumerated() {
      for column in 0..<width {
        whole[Int(id) * width + column] += gradient[number * width + column]
      }
    }
    return whole
  }
  let sum = treeSum(dense[...])
  let touched = distinct((0..<microbatches).flatMap { idsRead($0, rows) })
    .filter { sharded.owned.contains(Int($0)) }
  let sums = sharded.sums
  try expectSame(Array(sums.numbers), touched, "touched rows")
  for (number, row) in touched.enumerated() {
    let values = UnsafeBufferPointer(start: sums.values, count: touched.count * width)
    try expectSame(
      values[number * width..<(number + 1) * width].map(\.bitPattern),
      sum[Int(row) * width..<(Int(row) + 1) * width].map(\.bitPattern),
      "row \(row) of \(microbatches) microbatches")
  }
}

/// A rank sends ids, rows that others asked for, and gradients of others' rows: nothing else.
private func checkTraffic(
  _ world: Communicator, _ sharded: ShardedTable, since old: (bytes: Int, messages: Int),
  _ wanted: [Int64], _ others: [Int64]
) throws {
  let width = sharded.table.width
  let foreign = wanted.count { !sharded.owned.contains(Int($0)) }
  let rowsAsked = Int(try world.allReduce(Int64(foreign), by: .sum))
  let rowsMoved = Int(try world.allReduce(Int64(others.count), by: .sum))
  let bytes = Int(try world.allReduce(Int64(sharded.bytesSent - old.bytes), by: .sum))
  let messages = sharded.messagesSent - old.messages
  let least = rowsAsked * (8 + 4 * width) + rowsMoved * (8 + 4 * width)
  // Two words in front of each microbatch's rows for an owner.
  guard bytes >= least, bytes <= least + 16 * 24 * world.size * world.size,
    messages <= 4 * (world.size - 1)
  else { throw CheckFailure("\(bytes) bytes in \(messages) messages, expected \(least) bytes") }
}

/// 51 GB of rows: an exchange steps around them, and a few rows are read and moved.
private func checkHuge(_ world: Communicator) throws {
  var layout = ParameterLayout()
  let table = makeTable(100_000_000, 128, &layout)
  let node = try Node(world)
  let exchange = try Exchange(node, layout: layout, bucketBytes: 1 << 14)
  try expectEqual(exchange.plan.buckets.count, 3, "buckets beside the table")
  try exchange.begin(microbatches: 4)
  for index in exchange.share {
    var gradients = try exchange.lendGradients()
    gradients.microbatch = index
    for range in layout.residentRanges {
      for place in range { gradients.values.base[place] = draw(place, index) }
    }
    try exchange.submit(gradients)
  }
  let sums = treeSum(
    (0..<4).map { index in layout.residentRanges.joined().map { draw($0, index) } }[...])
  let places = Array(layout.residentRanges.joined())
  while let bucket = try exchange.nextReduced() {
    for index in exchange.ownedBlocks(in: bucket) {
      let block = exchange.block(index, in: bucket)
      for (place, sum) in zip(places, sums) where block.range.contains(place) {
        try expectEqual(block.values[place - block.range.lowerBound], sum, "the sum at \(place)")
      }
    }
    try exchange.publish(bucket)
  }
  try exchange.finish()
  let sharded = ShardedTable(world, node.topology, table, number: 0)
  let wanted = (0..<5).map { Int64(24_999_999 * $0 + world.rank) }
  wanted.withUnsafeBufferPointer(sharded.want)
  try sharded.fetch()
  let ones = [Float](repeating: 1, count: 5 * 128)
  wanted.withUnsafeBufferPointer {
    sharded.add($0, gradient: ones, stride: 128, microbatch: world.rank)
  }
  try sharded.reduce(microbatches: world.size)
  let found = try world.allReduce(Int64(sharded.sums.numbers.count), by: .sum)
  try expectEqual(Int(found), 5 * world.size, "rows touched of a huge table")
}
