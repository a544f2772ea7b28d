import CKernels

/// What the operands of matrix products and convolutions are rounded to.
///
/// Sums are float32 in either, and so is everything that is stored. The products of bfloat16 operands are exact in
/// float32, and two of them are added at a time: the second of a pair first, each addition rounded. The processor's dot
/// products (AVX512_BF16) do just that, and so do multiplications with additions where it has none: the bits are
/// the same, on threads that flush denormals (``flushDenormals()``), and nobody needs to know which it was.
public enum Precision: Sendable, Equatable, CaseIterable {
  /// As they are.
  case float32
  /// To the nearest bfloat16, ties to even, denormals to zero: 8 bits of a number's 24, half of the memory while it
  /// is packed, and on processors with dot products almost twice the rate.
  case bfloat16
}

extension Kernels {
  /// The products of the build in use.
  static func products(_ precision: Precision) -> CKernels_Products {
    let build = table.pointee
    switch precision {
    case .float32: return build.float32.pointee
    case .bfloat16: return (hasDots ? build.dots : build.bfloat16).pointee
    }
  }

  /// Whether products of bfloat16 are dot products of the processor; false where they are computed by
  /// multiplications and additions, slower and with the same bits.
  public static var hasDots: Bool { table.pointee.dots?.pointee.supported() ?? false }
}
