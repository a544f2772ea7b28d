import HDF5

/// The scalar types in which numbers reach a row converter, in this machine's byte order.
enum NumberKind: String, Sendable, CaseIterable {
  case uint8, int8, uint16, int16, uint32, int32, uint64, int64, float32, float64

  /// The kind that holds every stored number of `element`, or nil for text and the like.
  init?(_ element: HDF5Element) {
    switch element.kind {
    case .integer, .float:
      let order: [NumberKind] = [
        .uint8, .int8, .uint16, .int16, .uint32, .int32, .uint64, .int64, .float32, .float64,
      ]
      let isFloat = element.kind == .float
      guard
        let kind = order.first(where: {
          $0.isFloat == isFloat && element.converts(to: $0.element)
        })
      else { return nil }
      self = kind
    default: return nil
    }
  }

  /// True for the two floating types.
  var isFloat: Bool { self == .float32 || self == .float64 }

  /// The border's description.
  var element: HDF5Element {
    switch self {
    case .uint8: return UInt8.element
    case .int8: return Int8.element
    case .uint16: return UInt16.element
    case .int16: return Int16.element
    case .uint32: return UInt32.element
    case .int32: return Int32.element
    case .uint64: return UInt64.element
    case .int64: return Int64.element
    case .float32: return Float.element
    case .float64: return Double.element
    }
  }

  /// Bytes of one number.
  var byteCount: Int { element.byteCount }

  /// Reads rows of `dataset` in this kind.
  func read(
    _ dataset: HDF5Dataset, _ rows: Range<Int>, into raw: UnsafeMutableRawPointer
  ) throws(HDF5Error) {
    func rowsOf<Scalar: HDF5Scalar>(_ type: Scalar.Type) throws(HDF5Error) {
      try dataset.readRows(rows, into: raw.assumingMemoryBound(to: Scalar.self))
    }
    switch self {
    case .uint8: try rowsOf(UInt8.self)
    case .int8: try rowsOf(Int8.self)
    case .uint16: try rowsOf(UInt16.self)
    case .int16: try rowsOf(Int16.self)
    case .uint32: try rowsOf(UInt32.self)
    case .int32: try rowsOf(Int32.self)
    case .uint64: try rowsOf(UInt64.self)
    case .int64: try rowsOf(Int64.self)
    case .float32: try rowsOf(Float.self)
    case .float64: try rowsOf(Double.self)
    }
  }
}
