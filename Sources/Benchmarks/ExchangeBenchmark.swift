import Buffers
import Exchange
import MPI
import Parameters
import Reports
import Tensors

/// How long a step's exchange takes beside `MPI_Allreduce` of the same numbers, on the same ranks.
public struct ExchangeSpeed: Sendable {
  /// Bytes of the gradient on each rank.
  public var bytes: Int
  /// Ranks on each node.
  public var ranksPerNode: [Int]
  /// Bytes of a bucket, at most.
  public var bucketBytes: Int
  /// Median seconds from gradients on every rank to their sum on every rank, by our exchange.
  public var exchangeSeconds: Double
  /// Median seconds of `MPI_Allreduce`, in place.
  public var allReduceSeconds: Double
  /// Median seconds of the same all-reduce with every rank then storing all new weights, as each must
  /// where all update everything.
  public var allReduceUpdateSeconds: Double
  /// Median of exchange over all-reduce, pair by pair.
  public var ratio: Double
  /// Bytes per second that a node sends while all send and receive at once; nil on one node.
  public var allSendingRate: Double?
  /// Bytes that the ranks of the first node sent to others in one exchange.
  public var bytesSentByFirstNode: Int

  /// `2 n (M − 1) / M` at ``allSendingRate``: the time that no exchange over a network can beat.
  public var boundSeconds: Double? {
    allSendingRate.map { rate in
      let nodes = Double(ranksPerNode.count)
      return 2 * Double(bytes) * (nodes - 1) / nodes / rate
    }
  }

  /// As `aimass benchmark exchange --json` prints it.
  public var json: JSONValue {
    [
      "bytes": .integer(bytes), "ranksPerNode": .array(ranksPerNode.map { .integer($0) }),
      "bucketBytes": .integer(bucketBytes), "exchangeSeconds": .number(exchangeSeconds),
      "allReduceSeconds": .number(allReduceSeconds),
      "allReduceUpdateSeconds": .number(allReduceUpdateSeconds), "ratio": .number(ratio),
      "allSendingBytesPerSecond": allSendingRate.map { .number($0) } ?? .null,
      "boundSeconds": boundSeconds.map { .number($0) } ?? .null,
      "bytesSentByFirstNode": .integer(bytesSentByFirstNode),
    ]
  }
}

/// Measures the exchange of a training step without its computations.
public enum ExchangeBenchmark {
  /// Measures one size.
  ///
  /// Collective. Every rank has one gradient; an exchange adds them, takes the sum as new weights and
  /// brings these to every rank. An all-reduce leaves the sum everywhere, and every rank then has to store
  /// all new weights by itself; it is timed without that and with it. The three alternate.
  ///
  /// - Parameters:
  ///   - node: all ranks.
  ///   - bytes: of the gradient, at least four.
  ///   - bucketBytes: of a bucket, at most.
  ///   - repeats: pairs that are timed, after two that are not.
  /// - Returns: the measurement; times are those of the slowest rank.
  /// - Throws: `MPIError` if MPI refuses.
  public static func run(
    _ node: Node, bytes: Int, bucketBytes: Int, repeats: Int
  ) throws -> ExchangeSpeed {
    var layout = ParameterLayout()
    let count = bytes / MemoryLayout<Float>.stride
    _ = layout.reserve("gradient", [count], initializer: .constant(0))
    let exchange = try Exchange(node, layout: layout, bucketBytes: bucketBytes)
    let buffer = HostBuffer<Float>(count: count)
    for place in 0..<count { buffer[place] = Float(place % 7) }
    // Gradients are in place before the clock starts, as after a backward pass.
    for _ in 0..<2 { try step(exchange, filling: buffer.base) }
    var exchanges: [Double] = []
    var reductions: [Double] = []
    var updates: [Double] = []
    let weights = HostBuffer<Float>(count: count)
    for index in -2..<repeats {
      let ours = try slowest(node.world) { try step(exchange, filling: nil) }
      let theirs = try slowest(node.world) { try node.world.allReduce(buffer.all, by: .sum) }
      for place in 0..<count { buffer[place] = 1 }
      let both = try slowest(node.world) {
        try node.world.allReduce(buffer.all, by: .sum)
        Kernels.copy(count: count, source: buffer.base, destination: weights.base)
      }
      for place in 0..<count { buffer[place] = 1 }
      guard index >= 0 else { continue }
      exchanges.append(ours)
      reductions.append(theirs)
      updates.append(both)
    }
    let before = exchange.bytesSent
    try step(exchange, filling: nil)
    let sent = try node.local.allReduce(Int64(exchange.bytesSent - before), by: .sum)
    return ExchangeSpeed(
      bytes: bytes, ranksPerNode: node.topology.nodes.map(\.count), bucketBytes: bucketBytes,
      exchangeSeconds: median(exchanges) ?? 0, allReduceSeconds: median(reductions) ?? 0,
      allReduceUpdateSeconds: median(updates) ?? 0,
      ratio: median(zip(exchanges, reductions).map { $0 / $1 }) ?? 0,
      allSendingRate: try allSendingRate(node), bytesSentByFirstNode: Int(sent))
  }

  /// One exchange of one gradient per rank, with the sum as new weights.
  private static func step(
    _ exchange: Exchange, filling source: UnsafeMutablePointer<Float>?
  ) throws {
    try exchange.begin(microbatches: exchange.node.topology.size)
    for index in exchange.share {
      var gradients = try exchange.lendGradients()
      gradients.microbatch = index
      if let source { gradients.values.base.update(from: source, count: gradients.values.count) }
      try exchange.submit(gradients)
    }
    while let bucket = try exchange.nextReduced() {
      for index in exchange.ownedBlocks(in: bucket) {
        let block = exchange.block(index, in: bucket)
        Kernels.copy(
          count: block.range.count, source: block.values,
          destination: exchange.store.base + block.range.lowerBound)
      }
      try exchange.publish(bucket)
    }
    try exchange.finish()
  }

  /// The time of the slowest rank, all starting together.
  private static func slowest(_ world: Communicator, _ body: () throws -> Void) throws -> Double {
    try world.barrier()
    let start = steadySeconds()
    try body()
    let mine = steadySeconds() - start
    return try world.allReduce(mine, by: .maximum)
  }

  /// What each node sends per second while every node sends to the next and receives from the one
  /// before, as long as two exchanges of a large model would take.
  private static func allSendingRate(_ node: Node) throws -> Double? {
    let nodes = node.topology.nodes.count
    guard nodes > 1 else { return nil }
    var rate = Double.infinity
    if let leaders = node.leaders {
      let count = 2 << 20
      let out = HostBuffer<Float>(count: count)
      let into = HostBuffer<Float>(count: count)
      let messages = RequestSet(leaders)
      var times: [Double] = []
      for _ in 0..<7 {
        try leaders.barrier()
        let start = steadySeconds()
        let (next, last) = ((leaders.rank + 1) % nodes, (leaders.rank + nodes - 1) % nodes)
        try messages.startReceive(into.all, from: last, tag: 1)
        try messages.startSend(UnsafeBufferPointer(out.all), to: next, tag: 1)
        try messages.waitAll()
        times.append(
          try leaders.allReduce(steadySeconds() - start, by: .maximum))
      }
      rate = Double(count * MemoryLayout<Float>.stride) / (median(times) ?? .infinity)
    }
    return try node.world.broadcast(rate, root: node.topology.rankAtPlace[0])
  }
}
