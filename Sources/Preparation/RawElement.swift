/// The type of one number in raw material, native byte order.
enum RawElement: String, Sendable, Equatable, CaseIterable {
  case uint8
  case int8
  case uint16
  case int16
  case uint32
  case int32
  case uint64
  case int64
  case float32
  case float64

  /// Bytes of one number.
  var byteCount: Int {
    switch self {
    case .uint8, .int8: 1
    case .uint16, .int16: 2
    case .uint32, .int32, .float32: 4
    case .uint64, .int64, .float64: 8
    }
  }

  /// Whether the numbers are whole by their type.
  var isInteger: Bool { self != .float32 && self != .float64 }

  /// The number at `index`; integers beyond 2⁵³ are rounded.
  func number(_ base: UnsafeRawPointer, _ index: Int) -> Double {
    func load<Scalar: BitwiseCopyable>(_: Scalar.Type) -> Scalar {
      base.loadUnaligned(fromByteOffset: index * MemoryLayout<Scalar>.size, as: Scalar.self)
    }
    switch self {
    case .uint8: return Double(load(UInt8.self))
    case .int8: return Double(load(Int8.self))
    case .uint16: return Double(load(UInt16.self))
    case .int16: return Double(load(Int16.self))
    case .uint32: return Double(load(UInt32.self))
    case .int32: return Double(load(Int32.self))
    case .uint64: return Double(load(UInt64.self))
    case .int64: return Double(load(Int64.self))
    case .float32: return Double(load(Float.self))
    case .float64: return load(Double.self)
    }
  }

  /// The whole number at `index`; nil where the type is no integer or the value exceeds Int64.
  func integer(_ base: UnsafeRawPointer, _ index: Int) -> Int64? {
    switch self {
    case .float32, .float64: return nil
    case .int64: return base.loadUnaligned(fromByteOffset: index * 8, as: Int64.self)
    case .uint64:
      return Int64(exactly: base.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self))
    default: return Int64(number(base, index))
    }
  }

  /// Turns every number of `bytes` end to end.
  func swapBytes(_ bytes: inout [UInt8]) {
    let width = byteCount
    guard width > 1 else { return }
    bytes.withUnsafeMutableBufferPointer { buffer in
      var start = 0
      while start + width <= buffer.count {
        for offset in 0..<(width / 2) {
          buffer.swapAt(start + offset, start + width - 1 - offset)
        }
        start += width
      }
    }
  }
}
