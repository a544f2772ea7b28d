/// The largest entries of a stretch by magnitude, found by counting digits of their bits.
///
/// Without the sign, the bits of floats are in the order of their magnitudes, NaN last. Three passes over
/// 11, 10 and 10 bits find the smallest entry taken exactly, whatever the distribution.
package struct WireSelection {
  /// Entries with more bits are taken.
  package let bits: UInt32
  /// How many entries of exactly these bits are taken, the first ones.
  let ties: Int

  /// Finds the `count` largest of `length` entries; entries that are not finite are all taken, so that
  /// none stays behind.
  ///
  /// - Parameters:
  ///   - values: the entries.
  ///   - length: how many there are.
  ///   - count: how many to take, in `1 ... length`.
  package init(_ values: UnsafePointer<Float>, _ length: Int, largest count: Int) {
    precondition(count >= 1 && count <= length, "cannot take \(count) of \(length) entries")
    var (found, left) = (UInt32(0), count)
    for (shift, width) in [(20, 11), (10, 10), (0, 10)] as [(UInt32, UInt32)] {
      let (digit, before) = Self.digit(
        values, length, prefix: found, shift: shift, width: width, rank: left)
      found |= digit << shift
      left -= before
    }
    let finite = Float.greatestFiniteMagnitude.bitPattern
    (bits, ties) = found > finite ? (finite, 0) : (found, left)
  }

  /// The digit of the entry of a rank, among entries that share the digits above it.
  ///
  /// - Returns: the digit, and how many of them have a larger one.
  private static func digit(
    _ values: UnsafePointer<Float>, _ length: Int, prefix: UInt32, shift: UInt32, width: UInt32,
    rank: Int
  ) -> (UInt32, before: Int) {
    withUnsafeTemporaryAllocation(of: Int.self, capacity: 1 << width) { counts in
      counts.initialize(repeating: 0)
      let (above, low) = (shift + width, UInt32(1 << width) - 1)
      for index in 0..<length {
        let bits = values[index].bitPattern & 0x7FFF_FFFF
        guard above >= 31 || bits >> above == prefix >> above else { continue }
        counts[Int(bits >> shift & low)] += 1
      }
      var before = 0
      for digit in counts.indices.reversed() {
        if before + counts[digit] >= rank { return (UInt32(digit), before) }
        before += counts[digit]
      }
      preconditionFailure("fewer than \(rank) entries")
    }
  }

  /// Visits every entry, and says whether it is taken.
  @inline(__always)
  package func forEach(
    _ values: UnsafePointer<Float>, _ length: Int, _ body: (_ index: Int, Bool) -> Void
  ) {
    var left = ties
    for index in 0..<length {
      let found = values[index].bitPattern & 0x7FFF_FFFF
      if found == bits, left > 0 {
        left -= 1
        body(index, true)
      } else {
        body(index, found > bits)
      }
    }
  }
}
