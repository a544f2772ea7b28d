import CKernels

extension Kernels {
  /// Keeps those of `count` magnitudes whose bits lie in a range, in order, and counts those below it.
  ///
  /// The result is the same in every build.
  ///
  /// - Parameters:
  ///   - count: numbers.
  ///   - values: the numbers; signs do not count.
  ///   - range: bits of magnitudes.
  ///   - kept: receives the bits of magnitudes; up to 16 words behind them are overwritten.
  ///   - room: words of `kept`.
  ///   - below: how many lie below the range is added to it.
  /// - Returns: how many were kept; nil where a number is NaN or infinite, or where there is too little room.
  public static func keepMagnitudes(
    count: Int, values: ConstantFloats, in range: ClosedRange<UInt32>,
    kept: UnsafeMutablePointer<UInt32>, room: Int, below: inout Int
  ) -> Int? {
    var lower: Int64 = 0
    let found = table.pointee.keepMagnitudes(
      Int64(count), values, range.lowerBound, range.upperBound, kept, Int64(room), &lower)
    guard found >= 0 else { return nil }
    below += Int(lower)
    return Int(found)
  }
}
