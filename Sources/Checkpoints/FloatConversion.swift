/// How the floats of a file become Float32.
struct FloatConversion {
  private let type: SafetensorsEntry.ScalarType

  /// The conversion from `type`, nil for types that are no floats we read.
  init?(_ type: SafetensorsEntry.ScalarType) {
    guard [.float32, .float16, .bfloat16, .float64].contains(type) else { return nil }
    self.type = type
  }

  /// Converts little-endian scalars.
  ///
  /// - Parameters:
  ///   - bytes: whole scalars of the type.
  ///   - output: room for as many.
  func callAsFunction(_ bytes: UnsafeRawBufferPointer, into output: UnsafeMutablePointer<Float>) {
    for index in 0..<bytes.count / type.size {
      let offset = index * type.size
      switch type {
      case .float16:
        let bits = UInt16(
          littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
        output[index] = Float(Float16(bitPattern: bits))
      case .bfloat16:
        let bits = UInt16(
          littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
        output[index] = Float(bitPattern: UInt32(bits) << 16)
      case .float64:
        let bits = UInt64(
          littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        output[index] = Float(Double(bitPattern: bits))
      default:
        let bits = UInt32(
          littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        output[index] = Float(bitPattern: bits)
      }
    }
  }
}
