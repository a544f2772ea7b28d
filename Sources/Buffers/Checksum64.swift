/// A 64-bit checksum of memory, to notice that it changed by itself.
///
/// Any change of a single word, and so any flipped bit, changes the sum: each step `h ← (h ⊕ w) · p`
/// with odd p is a bijection of h and of w (as in FNV-1a, on words). Not meant against an adversary.
///
/// - Cost: one read of the memory; four independent sums hide the multiplication.
public func checksum64(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
  let prime: UInt64 = 0x9E37_79B9_7F4A_7C15
  var sums: (UInt64, UInt64, UInt64, UInt64) = (1, 2, 3, 4)
  let words = bytes.count / 8
  var index = 0
  func word(_ number: Int) -> UInt64 {
    bytes.loadUnaligned(fromByteOffset: 8 * number, as: UInt64.self)
  }
  while index + 4 <= words {
    sums.0 = (sums.0 ^ word(index)) &* prime
    sums.1 = (sums.1 ^ word(index + 1)) &* prime
    sums.2 = (sums.2 ^ word(index + 2)) &* prime
    sums.3 = (sums.3 ^ word(index + 3)) &* prime
    index += 4
  }
  while index < words {
    sums.0 = (sums.0 ^ word(index)) &* prime
    index += 1
  }
  for offset in 8 * words..<bytes.count {
    sums.1 = (sums.1 ^ UInt64(bytes[offset])) &* prime
  }
  // Rotations keep equal sums of different lanes from cancelling.
  var all = sums.0
  for (sum, turn) in [(sums.1, 16), (sums.2, 32), (sums.3, 48)] {
    all = (all ^ (sum << UInt64(turn) | sum >> UInt64(64 - turn))) &* prime
  }
  return all ^ UInt64(bytes.count)
}
