import CHDF5

/// A small value attached to a group or dataset.
public enum HDF5Attribute: Sendable, Equatable {
  /// One text.
  case text(String)
  /// A list of texts.
  case texts([String])
  /// One whole number.
  case integer(Int64)
  /// A list of whole numbers.
  case integers([Int64])
  /// One number.
  case number(Double)
  /// A list of numbers.
  case numbers([Double])

  /// The text, or nil for other kinds.
  public var asText: String? {
    if case .text(let value) = self { return value }
    if case .texts(let values) = self, values.count == 1 { return values[0] }
    return nil
  }

  /// The texts; one text is a list of one.
  public var asTexts: [String]? {
    switch self {
    case .text(let value): return [value]
    case .texts(let values): return values
    default: return nil
    }
  }

  /// The numbers, whole or not; one is a list of one.
  public var asNumbers: [Double]? {
    switch self {
    case .integer(let value): return [Double(value)]
    case .integers(let values): return values.map(Double.init)
    case .number(let value): return [value]
    case .numbers(let values): return values
    default: return nil
    }
  }

  /// The whole number, or nil for other kinds.
  public var asInteger: Int64? {
    if case .integer(let value) = self { return value }
    if case .integers(let values) = self, values.count == 1 { return values[0] }
    return nil
  }
}

/// A group or a dataset: something that attributes hang on.
public protocol HDF5Attributed: Sendable {
  /// The library's identifier; for this module only.
  var attributeOwner: HDF5AttributeOwner { get }
}

/// What an attribute hangs on; opaque outside this module.
public struct HDF5AttributeOwner: Sendable {
  let handle: Handle
  let place: Place
}

extension HDF5Group: HDF5Attributed {
  /// This group.
  public var attributeOwner: HDF5AttributeOwner { .init(handle: handle, place: place) }
}

extension HDF5Dataset: HDF5Attributed {
  /// This dataset.
  public var attributeOwner: HDF5AttributeOwner { .init(handle: handle, place: place) }
}

extension HDF5Attributed {
  /// Attaches a value; texts are stored with a fixed length in UTF-8, padded with zeros.
  ///
  /// - Parameters:
  ///   - name: the attribute's name, new on this object.
  ///   - value: the value.
  /// - Throws: ``HDF5Error`` if it exists already or cannot be written.
  public func setAttribute(_ name: String, to value: HDF5Attribute) throws(HDF5Error) {
    let owner = attributeOwner
    switch value {
    case .text(let text): try owner.write(name, texts: [text], shape: [])
    case .texts(let texts): try owner.write(name, texts: texts, shape: [texts.count])
    case .integer(let number): try owner.write(name, [number], shape: [])
    case .integers(let numbers): try owner.write(name, numbers, shape: [numbers.count])
    case .number(let number): try owner.write(name, [number], shape: [])
    case .numbers(let numbers): try owner.write(name, numbers, shape: [numbers.count])
    }
  }

  /// The value of an attribute, or nil where there is none.
  ///
  /// - Parameter name: the attribute's name.
  /// - Returns: scalars and lists; a list of more extents is read flat.
  /// - Throws: ``HDF5Error``: `.typeMismatch` for compounds and other kinds, `.damaged`.
  public func attribute(_ name: String) throws(HDF5Error) -> HDF5Attribute? {
    try attributeOwner.read(name)
  }

  /// The value of an attribute that may be somebody else's: nil too where it is of a kind that is not read.
  ///
  /// - Parameter name: the attribute's name.
  /// - Returns: as ``attribute(_:)``.
  /// - Throws: ``HDF5Error`` for damage and failures, never for the kind of the value.
  public func plainAttribute(_ name: String) throws(HDF5Error) -> HDF5Attribute? {
    do throws(HDF5Error) {
      return try attribute(name)
    } catch  where error.code == .typeMismatch || error.code == .refused {
      return nil
    }
  }

  /// The names of all attributes, in alphabetical order of their bytes.
  public func attributeNames() throws(HDF5Error) -> [String] {
    try attributeOwner.names()
  }
}
