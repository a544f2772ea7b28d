import MPI

/// Gathers, of every type and size, to every root.
func checkGathers(_ world: Communicator, _ arguments: [String]) throws {
  try checkGathers(of: Float.self, world)
  try checkGathers(of: Double.self, world)
  try checkGathers(of: Int32.self, world)
  try checkGathers(of: Int64.self, world)
  try checkGathers(of: UInt8.self, world)
  try checkGathers(of: UInt64.self, world)
  try checkBytes(world)
}

/// How long the part of `rank` is: unequal, and of one rank empty.
private func length(_ count: Int, _ rank: Int) -> Int { rank == 1 ? 0 : count + rank }

private func checkGathers<Scalar: MPIScalar>(
  of type: Scalar.Type, _ world: Communicator
) throws {
  for count in sizes {
    let equal: [Scalar] = (0..<world.size).flatMap { pattern(count, rank: $0) }
    let unequal: [[Scalar]] = (0..<world.size).map { pattern(length(count, $0), rank: $0) }
    for root in 0..<world.size {
      let gathered: [Scalar]? = try world.gather(pattern(count, rank: world.rank), root: root)
      try expectEqual(gathered != nil, world.rank == root, "only the root receives")
      if let gathered { try expectSame(gathered, equal, "gather of \(count) \(type) to \(root)") }
      let runs = try world.gatherVariable(unequal[world.rank], root: root)
      try expectEqual(runs, world.rank == root ? unequal : nil, "runs of \(count) \(type)")
    }
    let everywhere = try world.allGatherVariable(unequal[world.rank])
    try expectEqual(everywhere, unequal, "runs of \(count) \(type) on every rank")
    var joined = unequal.enumerated().flatMap { rank, run in
      rank == world.rank ? run : [Scalar](repeating: .zero, count: run.count)
    }
    try joined.withUnsafeMutableBufferPointer {
      try world.allGatherInPlace($0, counts: unequal.map(\.count))
    }
    try expectSame(joined, unequal.flatMap { $0 }, "runs of \(count) \(type) in place")
  }
  let ones: [Scalar] = try world.allGather(pattern(1, rank: world.rank)[0])
  try expectSame(ones, (0..<world.size).map { pattern(1, rank: $0)[0] }, "one \(type) of each")
}

private func checkBytes(_ world: Communicator) throws {
  let mine: [UInt8] = pattern(length(300, world.rank), rank: world.rank)
  let all: [[UInt8]] = (0..<world.size).map { pattern(length(300, $0), rank: $0) }
  try expectEqual(try world.allGatherBytes(mine), all, "bytes of all on all")
  for root in 0..<world.size {
    let gathered = try world.gatherBytes(mine, root: root)
    try expectEqual(gathered, world.rank == root ? all : nil, "bytes to \(root)")
    try expectSame(try world.broadcastBytes(mine, root: root), all[root], "bytes from \(root)")
  }
}
