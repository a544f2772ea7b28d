import Tensors

/// A permutation of `0 ..< count` chosen by a key, computed one value at a time in constant memory.
///
/// A Feistel network over the least number of bits that holds `count` values permutes that power of
/// two; values that fall outside are sent through again until they fall inside (cycle walking, Black
/// and Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002), fewer than twice on average.
/// The round function is the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
struct KeyedPermutation: Sendable {
  let count: UInt64
  private let keys: InlineArray<12, UInt64>
  private let lowBits: UInt64
  private let lowMask: UInt64
  private let highMask: UInt64

  /// The permutation of `count` values that `key` chooses.
  init(count: Int, key: UInt64) {
    precondition(count > 0, "a permutation of \(count) values")
    self.count = UInt64(count)
    // Twelve rounds are enough for neighbours to part even where a half has one or two bits.
    keys = InlineArray { KeyedPermutation.mix(key &+ UInt64($0)) }
    let bits = UInt64(max(2, UInt64.bitWidth - (self.count - 1).leadingZeroBitCount))
    lowBits = bits / 2
    lowMask = (1 << lowBits) - 1
    highMask = (1 << (bits - lowBits)) - 1
  }

  /// Scatters the bits of `value`.
  static func mix(_ value: UInt64) -> UInt64 {
    var z = value &+ 0x9E37_79B9_7F4A_7C15
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// The value at `position`, which must be in `0 ..< count`.
  func value(at position: Int) -> Int {
    var value = UInt64(position)
    repeat { value = encrypted(value) } while value >= count
    return Int(value)
  }

  /// The values at consecutive positions in `0 ..< count`: those of ``value(at:)``, twenty times as fast.
  func values(at positions: Range<Int>, into output: UnsafeMutablePointer<Int64>) {
    precondition(positions.lowerBound >= 0 && positions.upperBound <= count, "\(positions)")
    let highBits = UInt64(highMask.nonzeroBitCount)
    let list = (0..<keys.count).map { keys[$0] }
    Kernels.permute(
      positions: positions, count: count, keys: list, lowBits: lowBits, highBits: highBits,
      values: output)
  }

  /// The position at which `value` stands.
  func position(of value: Int) -> Int {
    var position = UInt64(value)
    repeat { position = decrypted(position) } while position >= count
    return Int(position)
  }

  private func encrypted(_ value: UInt64) -> UInt64 {
    var low = value & lowMask
    var high = value >> lowBits
    for round in stride(from: 0, to: keys.count, by: 2) {
      high ^= scatter(low, round) & highMask
      low ^= scatter(high, round + 1) & lowMask
    }
    return high << lowBits | low
  }

  private func decrypted(_ value: UInt64) -> UInt64 {
    var low = value & lowMask
    var high = value >> lowBits
    for round in stride(from: keys.count - 2, through: 0, by: -2) {
      low ^= scatter(high, round + 1) & lowMask
      high ^= scatter(low, round) & highMask
    }
    return high << lowBits | low
  }

  private func scatter(_ half: UInt64, _ round: Int) -> UInt64 {
    KeyedPermutation.mix(half ^ keys[round]) >> 7
  }
}
