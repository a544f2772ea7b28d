import Buffers

/// A stretch of the arena, reserved at planning time.
///
/// Offsets, not pointers: a plan is a value that can be compared, printed and summed before any memory exists.
public struct Region: Sendable, Hashable {
  /// Distance from the arena's start in bytes, a multiple of 64.
  public let offset: Int
  /// Length in bytes.
  public let byteCount: Int
}

/// Where everything of a forward and backward pass will lie.
public struct ArenaPlan: Sendable {
  /// Bytes reserved so far.
  public private(set) var byteCount = 0

  /// An empty plan.
  public init() {}

  /// Reserves room for `count` scalars on a cache line of their own.
  public mutating func reserve<Scalar: BitwiseCopyable>(
    _ count: Int, of type: Scalar.Type = Float.self
  ) -> Region {
    precondition(count >= 0, "a region cannot hold \(count) scalars")
    let bytes = count * MemoryLayout<Scalar>.stride
    let region = Region(offset: byteCount, byteCount: bytes)
    byteCount += (bytes + 63) & ~63
    return region
  }
}

/// The one allocation behind a plan: activations, tapes and scratch of one microbatch at a time.
public final class Arena {
  private let memory: HostBuffer<UInt8>

  /// Allocates what `plan` reserved, zeroed.
  public init(_ plan: ArenaPlan) {
    memory = HostBuffer(count: plan.byteCount)
  }

  /// The bytes of the arena.
  public var byteCount: Int { memory.count }

  /// The floats of `region`; valid as long as the arena lives.
  public func floats(_ region: Region) -> UnsafeMutablePointer<Float> {
    pointer(region, as: Float.self)
  }

  /// The scalars of `region`; valid as long as the arena lives.
  public func pointer<Scalar: BitwiseCopyable>(
    _ region: Region, as type: Scalar.Type
  ) -> UnsafeMutablePointer<Scalar> {
    precondition(region.offset + region.byteCount <= memory.count, "a region of another plan")
    return UnsafeMutableRawPointer(memory.base + region.offset).assumingMemoryBound(to: Scalar.self)
  }
}
