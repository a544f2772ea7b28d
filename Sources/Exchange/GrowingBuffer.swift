/// Memory that is filled from the front, step after step, and grows to what the largest step needs.
///
/// Unlike an array it gives out room that nobody has zeroed, and pointers stay valid until it grows or is
/// emptied.
struct GrowingBuffer<Scalar: BitwiseCopyable>: ~Copyable {
  /// The first scalar.
  private(set) var base: UnsafeMutablePointer<Scalar>
  /// Scalars in use.
  private(set) var count = 0
  private var capacity = 0

  /// An empty buffer.
  init() { base = .allocate(capacity: 0) }

  deinit { base.deallocate() }

  /// What is in use.
  var all: UnsafeBufferPointer<Scalar> { UnsafeBufferPointer(start: base, count: count) }

  /// Empties it and keeps the memory.
  mutating func removeAll() { count = 0 }

  /// Gives room at the end back.
  mutating func shorten(to count: Int) {
    precondition(count <= self.count, "\(count) of \(self.count) scalars")
    self.count = count
  }

  /// Takes more room at the end.
  ///
  /// - Parameter more: scalars.
  /// - Returns: their place, to be written before it is read.
  mutating func extend(by more: Int) -> UnsafeMutablePointer<Scalar> {
    if count + more > capacity {
      capacity = max(2 * capacity, count + more)
      let larger = UnsafeMutablePointer<Scalar>.allocate(capacity: capacity)
      larger.update(from: base, count: count)
      base.deallocate()
      base = larger
    }
    defer { count += more }
    return base + count
  }

  /// Puts one scalar at the end.
  mutating func append(_ scalar: Scalar) { extend(by: 1).pointee = scalar }

  /// Puts scalars at the end.
  mutating func append(_ scalars: UnsafeBufferPointer<Scalar>) {
    guard let source = scalars.baseAddress else { return }
    extend(by: scalars.count).update(from: source, count: scalars.count)
  }
}
