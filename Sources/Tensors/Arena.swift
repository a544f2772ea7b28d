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
/// is reserved later, and therefore written later, may lie there. What is reserved in a *segment* is written a second
/// time on the way back: segments lie where others do, and nothing else lies there.
public struct ArenaPlan: Sendable {
  /// Bytes of the arena so far.
  public private(set) var byteCount = 0
  /// Every region that is not released, in the order of reservation; those without a byte left out.
  public private(set) var regions: [Region] = []
  /// Stretches that nobody needs any more.
  private var holes = Holes()
  /// Stretches of segments that are over.
  private var segmentHoles = Holes()
  /// Those in which the last segment does not lie.
  private var idleHoles = Holes()
  private var segment: Segment?
  private let shares: Bool

  /// A segment that is being reserved.
  private struct Segment {
    /// Which of its reservations outlive it.
    let keeping: Set<Int>
    /// All of them, in order.
    var reserved: [Region] = []
    /// Those that do not outlive it and are not released.
    var inside: [Region] = []
  }

  /// An empty plan.
  ///
  /// - Parameter shares: false gives every region memory of its own.
  public init(shares: Bool = true) { self.shares = shares }

  /// Reserves room for `count` scalars on a cache line of their own.
  ///
  /// - Parameters:
  ///   - count: scalars, at least 0.
  ///   - type: what they are.
  ///   - kept: true for what is not written a second time where the segment is.
  /// - Returns: where they lie.
  public mutating func reserve<Scalar: BitwiseCopyable>(
    _ count: Int, of type: Scalar.Type = Float.self, kept: Bool = false
  ) -> Region {
    precondition(count >= 0, "a region cannot hold \(count) scalars")
    let bytes = count * MemoryLayout<Scalar>.stride
    guard bytes > 0 else { return Region(offset: byteCount, byteCount: 0) }
    let isInside = segment.map { !kept && !$0.keeping.contains($0.reserved.count) } ?? false
    let region = Region(offset: place(Self.rounded(bytes), isInside: isInside), byteCount: bytes)
    regions.append(region)
    segment?.reserved.append(region)
    if isInside { segment?.inside.append(region) }
    return region
  }

  /// Reserves room that no earlier region had, for what is in use all through the pass.
  public mutating func reserveApart<Scalar: BitwiseCopyable>(
    _ count: Int, of type: Scalar.Type = Float.self
  ) -> Region {
    let hidden = holes
    holes = Holes()
    defer { holes = hidden }
    return reserve(count, of: type, kept: true)
  }

  /// Gives the memory of `region`, which nothing reads any more, to whatever is reserved from here on.
  public mutating func release(_ region: Region) {
    guard shares, region.byteCount > 0 else { return }
    guard let place = regions.lastIndex(of: region) else {
      preconditionFailure("a region that is not reserved is released")
    }
    regions.remove(at: place)
    let stretch = region.offset..<region.offset + Self.rounded(region.byteCount)
    guard let index = segment?.inside.lastIndex(of: region) else { return holes.add(stretch) }
    segment?.inside.remove(at: index)
    segmentHoles.add(stretch)
  }

  /// Begins a segment: what is reserved from here on is written again on the way back.
  ///
  /// - Parameter keeping: which of its reservations, counted from 0, outlive it and lie apart.
  public mutating func beginSegment(keeping: Set<Int>) {
    precondition(segment == nil, "a segment in a segment")
    segment = Segment(keeping: keeping)
  }

  /// Ends the segment and gives its memory, but for what outlives it, to other segments.
  ///
  /// - Returns: all that was reserved in it, in order.
  public mutating func endSegment() -> [Region] {
    guard let ended = segment else { preconditionFailure("no segment to end") }
    idleHoles = segmentHoles
    for region in ended.inside { release(region) }
    segment = nil
    return ended.reserved
  }

  /// The bytes that nobody needs any more at this point of the pass, but who writes them again.
  public var released: [Range<Int>] { holes.stretches + idleHoles.stretches }

  /// Takes `bytes` from the smallest hole that has them, else from the end, where a last hole counts too.
  private mutating func place(_ bytes: Int, isInside: Bool) -> Int {
    if isInside, let start = segmentHoles.take(bytes) { return start }
    if let start = holes.take(bytes) { return start }
    let tail = (isInside ? segmentHoles.takeLast(endingAt: byteCount) : nil)
    let start = tail ?? holes.takeLast(endingAt: byteCount) ?? byteCount
    byteCount = start + bytes
    return start
  }

  private static func rounded(_ bytes: Int) -> Int { (bytes + 63) & ~63 }
}

/// Stretches of bytes, in order and apart.
private struct Holes {
  private(set) var stretches: [Range<Int>] = []

  /// Adds a stretch, in one with its neighbours.
  mutating func add(_ stretch: Range<Int>) {
    var hole = stretch
    let index = stretches.firstIndex { $0.lowerBound >= hole.upperBound } ?? stretches.count
    var replaced = index..<index
    if index < stretches.count, stretches[index].lowerBound == hole.upperBound {
      hole = hole.lowerBound..<stretches[index].upperBound
      replaced = index..<index + 1
    }
    if index > 0, stretches[index - 1].upperBound == hole.lowerBound {
      hole = stretches[index - 1].lowerBound..<hole.upperBound
      replaced = index - 1..<replaced.upperBound
    }
    stretches.replaceSubrange(replaced, with: [hole])
  }

  /// The start of `bytes` taken from the smallest stretch that has them.
  mutating func take(_ bytes: Int) -> Int? {
    let fitting = stretches.indices.filter { stretches[$0].count >= bytes }
    guard let index = fitting.min(by: { stretches[$0].count < stretches[$1].count }) else {
      return nil
    }
    let start = stretches[index].lowerBound
    stretches[index] = start + bytes..<stretches[index].upperBound
    if stretches[index].isEmpty { stretches.remove(at: index) }
    return start
  }

  /// The start of the last stretch, taken whole, if it ends at `end`.
  mutating func takeLast(endingAt end: Int) -> Int? {
    guard let last = stretches.last, last.upperBound == end else { return nil }
    stretches.removeLast()
    return last.lowerBound
  }
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
