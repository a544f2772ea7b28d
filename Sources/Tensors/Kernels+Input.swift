import CKernels

extension Kernels {
  /// `output = source · scale[c] + offset[c]` with channel c the index modulo `channels`.
  ///
  /// - Precondition: `count` is a multiple of `channels`.
  public static func convertUInt8(
    count: Int, source: UnsafePointer<UInt8>, channels: Int, scale: ConstantFloats,
    offset: ConstantFloats, output: Floats
  ) {
    table.pointee.convertUInt8(Int64(count), Int64(channels), source, scale, offset, output)
  }

  /// `output = source · scale[c] + offset[c]` with channel c the index modulo `channels`.
  ///
  /// - Precondition: `count` is a multiple of `channels`.
  public static func convertFloat(
    count: Int, source: ConstantFloats, channels: Int, scale: ConstantFloats,
    offset: ConstantFloats, output: Floats
  ) {
    table.pointee.convertFloat(Int64(count), Int64(channels), source, scale, offset, output)
  }

  /// The values of a keyed permutation at consecutive positions.
  ///
  /// A Feistel network of twelve rounds, whose function is SplitMix64's finaliser, permutes `2^(lowBits + highBits)`
  /// values; those that fall outside `0 ..< count` are sent through again. All builds give the same values.
  ///
  /// - Parameters:
  ///   - positions: in `0 ..< count`.
  ///   - count: at most `2^(lowBits + highBits)`.
  ///   - keys: of the rounds, twelve.
  ///   - lowBits: bits of the lower half.
  ///   - highBits: bits of the upper half.
  ///   - values: room for all of them.
  public static func permute(
    positions: Range<Int>, count: UInt64, keys: UnsafePointer<UInt64>, lowBits: UInt64,
    highBits: UInt64, values: UnsafeMutablePointer<Int64>
  ) {
    var permutation = CKernels_Permutation()
    permutation.count = count
    withUnsafeMutableBytes(of: &permutation.keys) {
      $0.copyMemory(from: UnsafeRawBufferPointer(start: keys, count: $0.count))
    }
    permutation.lowBits = lowBits
    permutation.lowMask = 1 << lowBits - 1
    permutation.highMask = 1 << highBits - 1
    table.pointee.permute(
      &permutation, UInt64(positions.lowerBound), Int64(positions.count), values)
  }

  /// HDF5's Fletcher-32 of `count` bytes (`H5_checksum_fletcher32`).
  public static func fletcher32(_ bytes: UnsafePointer<UInt8>, count: Int) -> UInt32 {
    CKernels_fletcher32(bytes, count)
  }

  /// Undoes HDF5's filter `shuffle`, which keeps the bytes of equal significance together.
  ///
  /// - Parameters:
  ///   - bytes: `count` shuffled bytes.
  ///   - count: how many; what is no whole number lies unchanged at the end.
  ///   - width: bytes of a number.
  ///   - output: `count` bytes, elsewhere.
  public static func unshuffle(
    _ bytes: UnsafePointer<UInt8>, count: Int, width: Int, into output: UnsafeMutablePointer<UInt8>
  ) {
    CKernels_unshuffle(bytes, count, width, output)
  }
}
