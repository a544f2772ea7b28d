import CLinux
import Glibc

/// Memory on this rank, aligned to a cache line, with one owner.
///
/// A buffer is moved, never copied: whoever consumes it owns the memory, and its end of life frees
/// it. That is how a request in flight keeps anyone else from touching what it sends.
public struct HostBuffer<Scalar: BitwiseCopyable>: ~Copyable {
  /// The number of scalars.
  public let count: Int
  /// The first scalar; valid as long as the buffer lives.
  public let base: UnsafeMutablePointer<Scalar>
  /// Who keeps the memory where it is not ours to free.
  private let keeper: AnyObject?
  /// Bytes that the kernel mapped for this buffer; 0 where they come from elsewhere.
  private let mapped: Int

  /// Bytes from which memory comes straight from the kernel.
  private static var leastMapped: Int { 16 << 20 }
  /// Allocates `count` zeroed scalars at an address that is a multiple of 64 bytes.
  ///
  /// Large buffers take up memory page by page as they are written, so that room for the longest
  /// possible batch costs no more than the batches that come.
  ///
  /// - Parameters:
  ///   - count: how many; zero is allowed.
  ///   - largePages: asks the kernel for pages of 2 MiB, for memory that is swept over again and again: fewer
  ///     addresses are looked up, and neighbours lie together. A page is taken up whole.
  public init(count: Int, largePages: Bool = false) {
    precondition(count >= 0, "a buffer cannot hold \(count) scalars")
    self.count = count
    keeper = nil
    let bytes = max(1, count * MemoryLayout<Scalar>.stride)
    let isLarge = largePages && bytes >= Pages.large
    if isLarge || bytes >= Self.leastMapped {
      mapped = isLarge ? Pages.roundedUp(bytes) : bytes
      guard let start = isLarge ? Pages.mapAligned(mapped) : Pages.map(mapped) else {
        preconditionFailure("no memory for \(bytes) bytes")
      }
      // A kernel that has no such pages gives small ones, which hold the same.
      if isLarge { _ = CLinux_advise_huge_pages(start, mapped) }
      base = start.bindMemory(to: Scalar.self, capacity: count)
      return
    }
    mapped = 0
    let raw = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
    raw.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    base = raw.bindMemory(to: Scalar.self, capacity: count)
  }

  /// A buffer on memory that `keeper` holds, as a part of shared memory; never freed by us.
  ///
  /// - Parameters:
  ///   - base: the first scalar.
  ///   - count: how many there are.
  ///   - keeper: stays alive as long as the buffer.
  public init(viewing base: UnsafeMutablePointer<Scalar>, count: Int, keeper: AnyObject) {
    precondition(count >= 0, "a buffer cannot hold \(count) scalars")
    self.count = count
    self.base = base
    self.keeper = keeper
    mapped = 0
  }

  deinit {
    guard keeper == nil else { return }
    if mapped > 0 {
      munmap(base, mapped)
    } else {
      UnsafeMutableRawPointer(base).deallocate()
    }
  }

  /// All scalars, in order.
  public var all: UnsafeMutableBufferPointer<Scalar> {
    UnsafeMutableBufferPointer(start: base, count: count)
  }

  /// The scalar at `index`, which must be in `0 ..< count`.
  public subscript(index: Int) -> Scalar {
    get {
      precondition(index >= 0 && index < count, "index \(index) is outside 0..<\(count)")
      return base[index]
    }
    nonmutating set {
      precondition(index >= 0 && index < count, "index \(index) is outside 0..<\(count)")
      base[index] = newValue
    }
  }
}
