import MPI

/// Measures cores, memory, links and sums of a job, in a few seconds.
public enum AllocationBenchmark {
  /// Seconds that each part takes.
  private static let part = 0.15

  /// Measures everything.
  ///
  /// Collective: every rank of the job calls it. Parts that concern all ranks of a node run on all of
  /// them at once, for that is how training uses them; ranks that have no part sleep.
  ///
  /// - Parameter allocation: the ranks.
  /// - Returns: the measurement on rank 0, nil elsewhere.
  /// - Throws: `MPIError` if MPI refuses.
  /// - Cost: 1 to 2 seconds on one node, about a tenth of a second more for each further pairing of
  ///   nodes; at most 256 MiB of memory per rank.
  public static func run(_ allocation: Allocation) throws -> AllocationMeasurement? {
    let world = allocation.world
    let core = CoreBenchmark.coreSpeed(seconds: part)
    try world.quietBarrier()
    let ranks = allocation.local.size
    let shared = CoreBenchmark.memorySpeed(
      bytes: CoreBenchmark.bytesBeyondCaches(ranks: ranks), seconds: part)
    try world.quietBarrier()
    var alone = shared
    if allocation.local.rank == 0, ranks > 1 {
      alone = CoreBenchmark.memorySpeed(
        bytes: CoreBenchmark.bytesBeyondCaches(ranks: 1), seconds: part)
    }
    try world.quietBarrier()
    let neighbours = try neighbours(allocation.local)
    try world.quietBarrier()
    let clock = try clock(allocation.leaders)
    let links = try links(allocation.leaders)
    try world.quietBarrier()
    let reductions = world.size > 1 ? try ReductionBenchmark.measure(world, seconds: part) : []
    let numbers =
      [core.gemm, core.layer, shared.bytesPerSecond, alone.bytesPerSecond]
      + words(neighbours) + [clock?.seconds ?? .nan, clock?.error ?? .nan]
    let all = try world.gather(numbers, root: 0)
    let pairs = try world.gatherVariable(links.flatMap { $0.words }, root: 0)
    guard let all, let pairs else { return nil }
    return assemble(allocation, all, stride: numbers.count, pairs: pairs, reductions)
  }

  private static func words(_ link: LinkSpeed?) -> [Double] {
    [link?.latency ?? .nan, link?.bytesPerSecond ?? .nan]
  }

  private static func neighbours(_ local: Communicator) throws -> LinkSpeed? {
    guard local.size > 1, local.rank < 2 else { return nil }
    return try LinkBenchmark(group: local, peer: 1 - local.rank).measure()
  }

  /// This node's clock against the first one's; the first node asks the others in turn.
  ///
  /// - Returns: on every leader but the first its clock's offset, nil elsewhere.
  private static func clock(_ leaders: Communicator?) throws -> ClockOffset? {
    guard let leaders else { return nil }
    var mine: ClockOffset?
    for other in 1..<max(2, leaders.size) where other < leaders.size {
      guard leaders.rank == 0 || leaders.rank == other else { continue }
      let bench = LinkBenchmark(group: leaders, peer: leaders.rank == 0 ? other : 0)
      let offset = try bench.clockOffset()
      var words = [offset?.seconds ?? 0, offset?.error ?? 0]
      if leaders.rank == 0 {
        try words.withUnsafeBufferPointer { try leaders.send($0, to: other, tag: 1) }
      } else {
        try words.withUnsafeMutableBufferPointer {
          try leaders.receive(into: $0, from: 0, tag: 1)
        }
        mine = ClockOffset(seconds: words[0], error: words[1])
      }
    }
    return mine
  }

  /// Links of this node to higher ones.
  private static func links(
    _ leaders: Communicator?
  ) throws -> [AllocationMeasurement.Link] {
    guard let leaders else { return [] }
    var found: [AllocationMeasurement.Link] = []
    for round in Pairings.rounds(of: leaders.size) {
      for (from, to) in round where from == leaders.rank || to == leaders.rank {
        let bench = LinkBenchmark(group: leaders, peer: from == leaders.rank ? to : from)
        let speed = try bench.measure()
        if let speed { found.append(.init(from: from, to: to, speed: speed)) }
      }
      try leaders.quietBarrier()
    }
    return found
  }

  private static func assemble(
    _ allocation: Allocation, _ all: [Double], stride: Int, pairs: [[Double]], _ times: [Double]
  ) -> AllocationMeasurement {
    var measured = AllocationMeasurement(ranks: [], nodes: [], links: [], reductions: [])
    for (rank, node) in allocation.nodeOfRank.enumerated() {
      let words = Array(all[rank * stride..<(rank + 1) * stride])
      measured.ranks.append(
        .init(
          rank: rank, node: node, core: CoreSpeed(gemm: words[0], layer: words[1]),
          memory: MemorySpeed(bytesPerSecond: words[2])))
      guard measured.nodes.count == node else { continue }
      measured.nodes.append(
        .init(
          node: node, memoryAlone: MemorySpeed(bytesPerSecond: words[3]),
          neighbours: words[4].isNaN
            ? nil : LinkSpeed(latency: words[4], bytesPerSecond: words[5]),
          clock: words[6].isNaN ? nil : ClockOffset(seconds: words[6], error: words[7])))
    }
    measured.links = pairs.flatMap(AllocationMeasurement.Link.read).sorted {
      ($0.from, $0.to) < ($1.from, $1.to)
    }
    let model = measured.slowestLink.map { AllReduceModel($0) }
    measured.reductions = zip(ReductionBenchmark.sizes, times).map { bytes, seconds in
      ReductionSpeed(
        bytes: bytes, seconds: seconds,
        modelSeconds: model?.seconds(bytes: bytes, ranks: allocation.nodeOfRank.count))
    }
    return measured
  }
}

extension AllocationMeasurement.Link {
  /// The link as numbers, for its way to rank 0.
  var words: [Double] { [Double(from), Double(to), speed.latency, speed.bytesPerSecond] }

  /// The links that some ``words`` tell.
  static func read(_ words: [Double]) -> [AllocationMeasurement.Link] {
    stride(from: 0, to: words.count - words.count % 4, by: 4).map { start in
      AllocationMeasurement.Link(
        from: Int(words[start]), to: Int(words[start + 1]),
        speed: LinkSpeed(latency: words[start + 2], bytesPerSecond: words[start + 3]))
    }
  }
}
