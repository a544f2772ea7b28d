/// What a safetensors header says about one tensor.
public struct SafetensorsEntry: Sendable, Equatable {
  /// The tensor's name.
  public let name: String
  /// How its scalars are stored.
  public let type: ScalarType
  /// Extents, slowest first; empty for a single scalar.
  public let shape: [Int]
  /// Its bytes, counted from the end of the header.
  public let bytes: Range<Int>

  /// The scalar types of the format.
  public enum ScalarType: String, Sendable, CaseIterable {
    /// One byte, 0 or 1.
    case bool = "BOOL"
    /// Unsigned 8-bit integer.
    case uint8 = "U8"
    /// Signed 8-bit integer.
    case int8 = "I8"
    /// 8-bit float, 5 bits of exponent.
    case float8e5m2 = "F8_E5M2"
    /// 8-bit float, 4 bits of exponent.
    case float8e4m3 = "F8_E4M3"
    /// Signed 16-bit integer.
    case int16 = "I16"
    /// Unsigned 16-bit integer.
    case uint16 = "U16"
    /// IEEE 754 half precision.
    case float16 = "F16"
    /// The upper half of a Float32.
    case bfloat16 = "BF16"
    /// Signed 32-bit integer.
    case int32 = "I32"
    /// Unsigned 32-bit integer.
    case uint32 = "U32"
    /// IEEE 754 single precision.
    case float32 = "F32"
    /// IEEE 754 double precision.
    case float64 = "F64"
    /// Signed 64-bit integer.
    case int64 = "I64"
    /// Unsigned 64-bit integer.
    case uint64 = "U64"
    /// Two Float32: real and imaginary part.
    case complex64 = "C64"

    /// Bytes of one scalar.
    public var size: Int {
      switch self {
      case .bool, .uint8, .int8, .float8e5m2, .float8e4m3: 1
      case .int16, .uint16, .float16, .bfloat16: 2
      case .int32, .uint32, .float32: 4
      case .float64, .int64, .uint64, .complex64: 8
      }
    }
  }

  /// The number of scalars; headers whose product overflows are refused before this is asked.
  public var count: Int { shape.reduce(1, *) }
}
