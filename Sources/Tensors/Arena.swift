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
///
/// Reservations follow the order of the pass. What is released has been read for the last time, so whatever
/// is reserved later, and therefore written later, may lie there.
public struct ArenaPlan: Sendable {
  /// Bytes of the arena so far.
  public private(set) var byteCount = 0
  /// Every region that is not released, in the order of reservation; those without a byte left out.
  public private(set) var regions: [Region] = []
  /// Stretches that nobody needs any more, in order and apart.
  private var holes: [Range<Int>] = []
  private let shares: Bool

  /// An empty plan.
  ///
  /// - Parameter shares: false gives every region memory of its own.
  public init(shares: Bool = true) { self.shares = shares }

  /// Reserves room for `count` scalars on a cache line of their own.
  public mutating func reserve<Scalar: BitwiseCopyable>(
    _ count: Int, of type: Scalar.Type = Float.self
  ) -> Region {
    precondition(count >= 0, "a region cannot hold \(count) scalars")
    let bytes = count * MemoryLayout<Scalar>.stride
    guard bytes > 0 else { return Region(offset: byteCount, byteCount: 0) }
    let region = Region(offset: place(Self.rounded(bytes)), byteCount: bytes)
    regions.append(region)
    return region
  }

  /// Reserves room that no earlier region had, for what is in use all through the pass.
  public mutating func reserveApart<Scalar: BitwiseCopyable>(
    _ count: Int, of type: Scalar.Type = Float.self
  ) -> Region {
    let hidden = holes
    holes = []
    defer { holes = hidden }
    return reserve(count, of: type)
  }

  /// Gives the memory of `region`, which nothing reads any more, to whatever is reserved from here on.
  public mutating func release(_ region: Region) {
    guard shares, region.byteCount > 0 else { return }
    guard let place = regions.lastIndex(of: region) else {
      preconditionFailure("a region that is not reserved is released")
    }
    regions.remove(at: place)
    var hole = region.offset..<region.offset + Self.rounded(region.byteCount)
    let index = holes.firstIndex { $0.lowerBound >= hole.upperBound } ?? holes.count
    var replaced = index..<index
    if index < holes.count, holes[index].lowerBound == hole.upperBound {
      hole = hole.lowerBound..<holes[index].upperBound
      replaced = index..<index + 1
    }
    if index > 0, holes[index - 1].upperBound == hole.lowerBound {
      hole = holes[index - 1].lowerBound..<hole.upperBound
      replaced = index - 1..<replaced.upperBound
    }
    holes.replaceSubrange(replaced, with: [hole])
  }

  /// The bytes that nobody needs any more, at this point of the pass.
  public var released: [Range<Int>] { holes }

  /// Takes `bytes` from the smallest hole that has them, else from the end, where a last hole counts too.
  private mutating func place(_ bytes: Int) -> Int {
    let fitting = holes.indices.filter { holes[$0].count >= bytes }
    if let index = fitting.min(by: { holes[$0].count < holes[$1].count }) {
      let start = holes[index].lowerBound
      holes[index] = start + bytes..<holes[index].upperBound
      if holes[index].isEmpty { holes.remove(at: index) }
      return start
    }
    var start = byteCount
    if let last = holes.last, last.upperBound == byteCount {
      start = last.lowerBound
      holes.removeLast()
    }
    byteCount = start + bytes
    return start
  }

  private static func rounded(_ bytes: Int) -> Int { (bytes + 63) & ~63 }
}

/// The one allocation behind a plan: activations, tapes and scratch of one microbatch at a time.
public final class Arena {
  private let memory: HostBuffer<UInt8>

  /// Allocates what `plan` reserved, zeroed.
  public init(_ plan: ArenaPlan) {
    memory = HostBuffer(count: plan.byteCount, largePages: true)
  }

  /// Sets every byte of a stretch, as tests do to memory that nobody should read.
  ///
  /// - Parameters:
  ///   - stretch: bytes from the arena's start.
  ///   - value: what each of them becomes.
  package func fill(_ stretch: Range<Int>, with value: UInt8) {
    precondition(stretch.upperBound <= memory.count, "a stretch of another plan")
    (memory.base + stretch.lowerBound).update(repeating: value, count: stretch.count)
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
