import Buffers
import Glibc
import MPI

/// What `MPI_Allreduce` of a size takes, and what it should.
public struct ReductionSpeed: Sendable, Equatable {
  /// Bytes on each rank.
  public var bytes: Int
  /// Seconds on rank 0, the median of several.
  public var seconds: Double
  /// What ``AllReduceModel`` says for the slowest measured link; nil without a link.
  public var modelSeconds: Double?

  /// A measurement from its parts.
  public init(bytes: Int, seconds: Double, modelSeconds: Double?) {
    self.bytes = bytes
    self.seconds = seconds
    self.modelSeconds = modelSeconds
  }
}

/// The time that a sum over all ranks needs by the latency α and the time per byte β of a link.
///
/// The better of two algorithms over p ranks and n bytes, both without the time of the additions:
/// recursive doubling, `⌈log2 p⌉ (α + n β)`, and reduce-scatter with allgather,
/// `2 ⌈log2 p⌉ α + 2 n β (p - 1) / p` (Thakur, Rabenseifner, Gropp, IJHPCA 19(1), 2005).
public struct AllReduceModel: Sendable {
  /// The link between any two ranks.
  public let link: LinkSpeed

  /// A model of ranks that are joined by such links.
  public init(_ link: LinkSpeed) { self.link = link }

  /// Seconds for `bytes` on each of `ranks` ranks.
  public func seconds(bytes: Int, ranks: Int) -> Double {
    guard ranks > 1 else { return 0 }
    let rounds = Double(Int.bitWidth - (ranks - 1).leadingZeroBitCount)
    let transfer = Double(bytes) / link.bytesPerSecond
    let share = Double(ranks - 1) / Double(ranks)
    return min(
      rounds * (link.latency + transfer), 2 * rounds * link.latency + 2 * transfer * share)
  }
}

/// Measures `MPI_Allreduce` between all ranks.
enum ReductionBenchmark {
  /// Bytes per rank of each measurement: a norm, a small bucket, a bucket, a model.
  static let sizes = [1 << 10, 64 << 10, 1 << 20, 8 << 20]

  /// Measures every size.
  ///
  /// Collective: every rank of the group calls it.
  ///
  /// - Parameters:
  ///   - world: all ranks.
  ///   - seconds: about how long each size takes.
  /// - Returns: on rank 0 the median seconds of every size; elsewhere what that rank saw.
  /// - Throws: `MPIError` if MPI refuses.
  static func measure(_ world: Communicator, seconds: Double) throws -> [Double] {
    let buffer = HostBuffer<Float>(count: (sizes.max() ?? 0) / MemoryLayout<Float>.stride)
    return try sizes.map { bytes in
      let part = UnsafeMutableBufferPointer(
        start: buffer.base, count: bytes / MemoryLayout<Float>.stride)
      let first = try time(part, world)
      // Ranks must agree how often: rank 0 says it.
      let wanted = Int64(min(30, max(2, seconds / max(first, 1e-6))))
      let count = try world.broadcast(wanted, root: 0)
      let times = try (0..<count).map { _ in try time(part, world) }
      return median(times) ?? first
    }
  }

  private static func time(
    _ part: UnsafeMutableBufferPointer<Float>, _ world: Communicator
  ) throws -> Double {
    let start = steadySeconds()
    try world.allReduce(part, by: .sum)
    return steadySeconds() - start
  }
}
