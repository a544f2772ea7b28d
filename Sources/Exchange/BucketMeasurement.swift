import MPI
import Parameters

/// Finds the size of buckets that suits the network, by a few exchanges at the start.
///
/// Small buckets can leave while the backward pass still computes, large ones cost fewer messages; so the
/// smallest size is taken that is about as fast as the best. The size never changes a bit of a result
/// where sums travel as they are.
public enum BucketMeasurement {
  /// Sizes that are tried, in bytes.
  static let candidates = [1 << 18, 1 << 20, 1 << 22, 1 << 24]
  /// Gradients are cut to this size for the trial.
  static let most = 32 << 20
  /// How much slower than the best a smaller size may be.
  static let tolerance = 1.1

  /// The size of buckets for a model, in bytes.
  ///
  /// Collective. A model of at most one small bucket takes one, for then latency is all that counts. On
  /// one node there are no messages, and a bucket is what fits a cache while it is updated.
  ///
  /// - Parameters:
  ///   - node: the ranks.
  ///   - layout: the slots.
  /// - Returns: the same number on every rank.
  /// - Throws: `AgreedFailure` where memory is short, or `MPIError`.
  /// - Cost: three exchanges of at most 32 MiB for each of four sizes.
  public static func run(_ node: Node, layout: ParameterLayout) throws -> Int {
    let bytes = layout.residentCount * MemoryLayout<Float>.stride
    if bytes <= candidates[0] { return candidates[0] }
    if node.topology.nodes.count == 1 { return candidates[2] }
    var trial = ParameterLayout()
    let count = min(bytes, most) / MemoryLayout<Float>.stride
    _ = trial.reserve("trial", [count], initializer: .constant(0))
    var times: [(size: Int, seconds: Double)] = []
    for size in candidates where size < 2 * bytes {
      let exchange = try Exchange(node, layout: trial, bucketBytes: size)
      times.append((size, try (0..<3).map { _ in try time(exchange) }.min() ?? .infinity))
    }
    let best = times.map(\.seconds).min() ?? 0
    return times.first { $0.seconds <= best * tolerance }?.size ?? candidates[1]
  }

  /// Seconds of one exchange on the slowest rank.
  private static func time(_ exchange: Exchange) throws -> Double {
    let world = exchange.node.world
    try world.barrier()
    let start = MPIEnvironment.wallTime
    try exchange.begin(microbatches: exchange.node.topology.size)
    for index in exchange.share {
      var gradients = try exchange.lendGradients()
      gradients.microbatch = index
      try exchange.submit(gradients)
    }
    while let bucket = try exchange.nextReduced() { try exchange.publish(bucket) }
    try exchange.finish()
    return try world.allReduce(MPIEnvironment.wallTime - start, by: .maximum)
  }
}
