import CHDF5

/// How one number of a dataset or attribute is stored.
public struct HDF5Element: Sendable, Equatable, CustomStringConvertible {
  /// The kinds of stored elements.
  public enum Kind: Sendable, Equatable {
    /// Whole numbers in two's complement; enumerations (h5py's booleans) count as their integers.
    case integer(signed: Bool)
    /// Floating point numbers.
    case float
    /// Text.
    case text
    /// Anything else: compounds, references, opaque bytes, arrays.
    case other(String)
  }

  /// The kind of element.
  public let kind: Kind
  /// Bytes of one element.
  public let byteCount: Int
  /// True where the most significant byte comes first.
  public let isBigEndian: Bool
  /// The bits of a float's fraction that count, the implicit one included; 0 for other kinds.
  public let precision: Int

  /// An element in this machine's byte order.
  public init(_ kind: Kind, byteCount: Int, isBigEndian: Bool = false) {
    self.init(
      kind, byteCount: byteCount, isBigEndian: isBigEndian,
      precision: kind == .float ? (byteCount == 8 ? 53 : byteCount == 4 ? 24 : 11) : 0)
  }

  private init(_ kind: Kind, byteCount: Int, isBigEndian: Bool, precision: Int) {
    self.kind = kind
    self.byteCount = byteCount
    self.isBigEndian = isBigEndian
    self.precision = precision
  }

  /// What `type` of the library describes.
  init(_ type: hid_t) {
    let bytes = H5Tget_size(type)
    let big = bytes > 1 && H5Tget_order(type) == H5T_ORDER_BE
    switch H5Tget_class(type) {
    case H5T_INTEGER:
      self.init(
        .integer(signed: H5Tget_sign(type) == H5T_SGN_2), byteCount: bytes, isBigEndian: big)
    case H5T_ENUM:
      let base = Handle(owning: H5Tget_super(type), H5Tclose)
      self.init(
        .integer(signed: H5Tget_sign(base.id) == H5T_SGN_2), byteCount: bytes, isBigEndian: big)
    case H5T_FLOAT:
      var sign = 0
      var exponent = 0
      var exponentBits = 0
      var fraction = 0
      var fractionBits = 0
      H5Tget_fields(type, &sign, &exponent, &exponentBits, &fraction, &fractionBits)
      self.init(.float, byteCount: bytes, isBigEndian: big, precision: fractionBits + 1)
    case H5T_STRING:
      self.init(.text, byteCount: bytes)
    case H5T_COMPOUND: self.init(.other("compound"), byteCount: bytes)
    case H5T_ARRAY: self.init(.other("array"), byteCount: bytes)
    case H5T_VLEN: self.init(.other("variable-length"), byteCount: bytes)
    case H5T_REFERENCE: self.init(.other("reference"), byteCount: bytes)
    default: self.init(.other("opaque"), byteCount: bytes)
    }
  }

  /// True if every stored value has an equal value in `target`.
  ///
  /// Byte order never matters. Integers fit floats whose fraction has as many bits.
  public func converts(to target: HDF5Element) -> Bool {
    switch (kind, target.kind) {
    case (.integer(let from), .integer(let to)):
      if from == to { return byteCount <= target.byteCount }
      return !from && byteCount < target.byteCount
    case (.integer(let signed), .float):
      return byteCount * 8 - (signed ? 1 : 0) <= target.precision
    case (.float, .float):
      return byteCount <= target.byteCount && precision <= target.precision
    default:
      return false
    }
  }

  /// True if the stored bytes are this machine's bytes of `target`.
  public func isStored(as target: HDF5Element) -> Bool {
    kind == target.kind && byteCount == target.byteCount && precision == target.precision
      && (!isBigEndian || byteCount == 1)
  }

  /// For example `uint8`, `big-endian float64`.
  public var description: String {
    let order = isBigEndian ? "big-endian " : ""
    switch kind {
    case .integer(let signed): return "\(order)\(signed ? "int" : "uint")\(byteCount * 8)"
    case .float: return "\(order)float\(byteCount * 8)"
    case .text: return "text"
    case .other(let name): return name
    }
  }
}
