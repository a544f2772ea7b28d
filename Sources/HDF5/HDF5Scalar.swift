import CHDF5

/// A scalar that moves between memory and a file.
///
/// There is exactly one HDF5 datatype per conforming type. Conform no type outside this module.
public protocol HDF5Scalar: BitwiseCopyable, Sendable {
  /// What the type is called and how it is stored on this machine.
  static var element: HDF5Element { get }
  /// The library's identifier of the type in memory.
  static var nativeType: Int64 { get }
}

extension UInt8: HDF5Scalar {
  /// Unsigned, 1 byte.
  public static var element: HDF5Element { .init(.integer(signed: false), byteCount: 1) }
  /// `H5T_NATIVE_UINT8`.
  public static var nativeType: Int64 { CHDF5_native_uint8() }
}
extension Int8: HDF5Scalar {
  /// Signed, 1 byte.
  public static var element: HDF5Element { .init(.integer(signed: true), byteCount: 1) }
  /// `H5T_NATIVE_INT8`.
  public static var nativeType: Int64 { CHDF5_native_int8() }
}
extension UInt16: HDF5Scalar {
  /// Unsigned, 2 bytes.
  public static var element: HDF5Element { .init(.integer(signed: false), byteCount: 2) }
  /// `H5T_NATIVE_UINT16`.
  public static var nativeType: Int64 { CHDF5_native_uint16() }
}
extension Int16: HDF5Scalar {
  /// Signed, 2 bytes.
  public static var element: HDF5Element { .init(.integer(signed: true), byteCount: 2) }
  /// `H5T_NATIVE_INT16`.
  public static var nativeType: Int64 { CHDF5_native_int16() }
}
extension UInt32: HDF5Scalar {
  /// Unsigned, 4 bytes.
  public static var element: HDF5Element { .init(.integer(signed: false), byteCount: 4) }
  /// `H5T_NATIVE_UINT32`.
  public static var nativeType: Int64 { CHDF5_native_uint32() }
}
extension Int32: HDF5Scalar {
  /// Signed, 4 bytes.
  public static var element: HDF5Element { .init(.integer(signed: true), byteCount: 4) }
  /// `H5T_NATIVE_INT32`.
  public static var nativeType: Int64 { CHDF5_native_int32() }
}
extension UInt64: HDF5Scalar {
  /// Unsigned, 8 bytes.
  public static var element: HDF5Element { .init(.integer(signed: false), byteCount: 8) }
  /// `H5T_NATIVE_UINT64`.
  public static var nativeType: Int64 { CHDF5_native_uint64() }
}
extension Int64: HDF5Scalar {
  /// Signed, 8 bytes.
  public static var element: HDF5Element { .init(.integer(signed: true), byteCount: 8) }
  /// `H5T_NATIVE_INT64`.
  public static var nativeType: Int64 { CHDF5_native_int64() }
}
extension Float: HDF5Scalar {
  /// IEEE 754 binary32.
  public static var element: HDF5Element { .init(.float, byteCount: 4) }
  /// `H5T_NATIVE_FLOAT`.
  public static var nativeType: Int64 { CHDF5_native_float() }
}
extension Double: HDF5Scalar {
  /// IEEE 754 binary64.
  public static var element: HDF5Element { .init(.float, byteCount: 8) }
  /// `H5T_NATIVE_DOUBLE`.
  public static var nativeType: Int64 { CHDF5_native_double() }
}
