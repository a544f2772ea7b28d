import MPI

/// The sizes every collective is tried with: none, one, odd, a power of two, and long enough to leave
/// the eager protocol.
let sizes = [0, 1, 7, 1024, 65_537]

/// What rank `rank` contributes: small integers, exact in every type, and sums of four fit a byte.
func pattern<Scalar: MPIScalar>(_ count: Int, rank: Int, salt: Int = 0) -> [Scalar] {
  (0..<count).map { Scalar(exactly: (rank * 31 + $0 * 7 + salt * 3) % 60) ?? .zero }
}

/// Broadcasts and reductions, of every type and size, from every root.
func checkCollectives(_ world: Communicator, _ arguments: [String]) throws {
  try checkCollectives(of: Float.self, world)
  try checkCollectives(of: Double.self, world)
  try checkCollectives(of: Int32.self, world)
  try checkCollectives(of: Int64.self, world)
  try checkCollectives(of: UInt8.self, world)
  try checkCollectives(of: UInt64.self, world)
}

private func checkCollectives<Scalar: MPIScalar & Comparable>(
  of type: Scalar.Type, _ world: Communicator
) throws {
  for count in sizes {
    for root in 0..<world.size {
      var values: [Scalar] = pattern(count, rank: world.rank)
      try world.broadcast(&values, root: root)
      try expectSame(
        values, pattern(count, rank: root), "broadcast of \(count) \(type) from \(root)")
    }
    try checkReductions(of: type, count: count, world)
  }
  for root in 0..<world.size {
    let value: Scalar = try world.broadcast(pattern(1, rank: world.rank)[0], root: root)
    try expectEqual(value, pattern(1, rank: root)[0], "broadcast of one \(type) from \(root)")
  }
  let one: Scalar = try world.allReduce(pattern(1, rank: world.rank)[0], by: .maximum)
  let all: [Scalar] = (0..<world.size).map { pattern(1, rank: $0)[0] }
  try expectEqual(one, all.max() ?? .zero, "the largest \(type)")
}

private func checkReductions<Scalar: MPIScalar & Comparable>(
  of type: Scalar.Type, count: Int, _ world: Communicator
) throws {
  let parts: [[Scalar]] = (0..<world.size).map { pattern(count, rank: $0) }
  let operations: [(String, ReductionOperator, (Scalar, Scalar) -> Scalar)] = [
    ("sum", .sum, { $0 + $1 }), ("minimum", .minimum, { min($0, $1) }),
    ("maximum", .maximum, { max($0, $1) }),
  ]
  for (name, operation, combine) in operations {
    var values: [Scalar] = pattern(count, rank: world.rank)
    try world.allReduce(&values, by: operation)
    let expected = (0..<count).map { index in
      parts.dropFirst().reduce(parts[0][index]) { combine($0, $1[index]) }
    }
    try expectSame(values, expected, "\(name) of \(count) \(type)")
  }
}

/// Buffers longer than a message travel in parts, and nobody notices.
func checkParts(_ world: Communicator, _ arguments: [String]) throws {
  let twin = try world.duplicate()
  twin.countLimit = 1000
  try checkCollectives(twin, arguments)
  try checkJoins(twin)
  let next = (twin.rank + 1) % twin.size
  let before = (twin.rank + twin.size - 1) % twin.size
  for count in sizes where twin.size > 1 {
    let mine: [Float] = pattern(count, rank: twin.rank)
    var theirs = [Float](repeating: -1, count: count)
    // Even ranks send first, so that a long ring does not wait for itself.
    if twin.rank % 2 == 0 {
      try mine.withUnsafeBufferPointer { try twin.send($0, to: next, tag: 1) }
    }
    try theirs.withUnsafeMutableBufferPointer { try twin.receive(into: $0, from: before, tag: 1) }
    if twin.rank % 2 == 1 {
      try mine.withUnsafeBufferPointer { try twin.send($0, to: next, tag: 1) }
    }
    try expectSame(theirs, pattern(count, rank: before), "\(count) scalars in parts")
  }
}

/// Runs of unequal length, some of them empty, are joined whether one message holds them or not.
private func checkJoins(_ world: Communicator) throws {
  for step in [0, 1, 300, 900] {
    let counts = (0..<world.size).map { $0 * step }
    let parts: [[Double]] = counts.enumerated().map { pattern($1, rank: $0) }
    var all = parts.enumerated().flatMap { rank, part in
      rank == world.rank ? part : part.map { _ in -1 }
    }
    try all.withUnsafeMutableBufferPointer { try world.joinInPlace($0, counts: counts) }
    try expectSame(all, parts.flatMap { $0 }, "runs of \(counts) joined")
  }
}
