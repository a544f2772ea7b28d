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
