import Tensors

/// Numbers in a message, float32 or bfloat16, written or read one stretch after the other.
struct WireValues {
  private let words: UnsafeMutablePointer<UInt32>
  private let isHalf: Bool
  private var count = 0

  /// The numbers that begin at `words`.
  init(at words: UnsafeMutablePointer<UInt32>, isHalf: Bool) {
    self.words = words
    self.isHalf = isHalf
  }

  /// The 32-bit words of `count` numbers.
  static func words(_ count: Int, isHalf: Bool) -> Int { isHalf ? (count + 1) / 2 : count }

  /// Writes numbers behind those that are there.
  mutating func append(_ source: UnsafePointer<Float>, _ length: Int) {
    if isHalf {
      let half = UnsafeMutableRawPointer(words).assumingMemoryBound(to: UInt16.self)
      // The other half of the last word would be whatever an earlier message left.
      if length % 2 != count % 2 { half[count + length] = 0 }
      Kernels.roundToBFloat16(count: length, source: source, output: half + count)
    } else {
      let floats = UnsafeMutableRawPointer(words).assumingMemoryBound(to: Float.self)
      (floats + count).update(from: source, count: length)
    }
    count += length
  }

  /// Reads the next numbers.
  mutating func take(_ target: UnsafeMutablePointer<Float>, _ length: Int) {
    if isHalf {
      let half = UnsafeMutableRawPointer(words).assumingMemoryBound(to: UInt16.self)
      Kernels.widenBFloat16(count: length, source: half + count, output: target)
    } else {
      let floats = UnsafeMutableRawPointer(words).assumingMemoryBound(to: Float.self)
      target.update(from: floats + count, count: length)
    }
    count += length
  }
}
