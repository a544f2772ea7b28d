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

  /// Allocates `count` zeroed scalars at an address that is a multiple of 64 bytes.
  ///
  /// - Parameter count: how many; zero is allowed.
  public init(count: Int) {
    precondition(count >= 0, "a buffer cannot hold \(count) scalars")
    self.count = count
    let bytes = max(1, count * MemoryLayout<Scalar>.stride)
    let raw = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
    raw.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    base = raw.bindMemory(to: Scalar.self, capacity: count)
    keeper = nil
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
  }

  deinit { if keeper == nil { UnsafeMutableRawPointer(base).deallocate() } }

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
