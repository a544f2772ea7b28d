import CKernels

extension Kernels {
  /// Rounds to bfloat16, the upper half of a float32: to nearest, ties to even, NaN to a quiet NaN.
  ///
  /// The bits are the same in every build.
  public static func roundToBFloat16(
    count: Int, source: ConstantFloats, output: UnsafeMutablePointer<UInt16>
  ) {
    table.pointee.roundToBFloat16(Int64(count), source, output)
  }

  /// Widens bfloat16 to float32, exactly.
  public static func widenBFloat16(
    count: Int, source: UnsafePointer<UInt16>, output: Floats
  ) {
    table.pointee.widenBFloat16(Int64(count), source, output)
  }
}
