import CHDF5

extension HDF5AttributeOwner {
  /// The most bytes an attribute may hold.
  private static let maximumBytes = 16 << 20

  /// The names of all attributes, sorted.
  func names() throws(HDF5Error) -> [String] {
    let count = try check("H5Aget_num_attrs", place) { H5Aget_num_attrs(handle.id) }
    var names: [String] = []
    for index in 0..<UInt64(count) {
      let length = try check("H5Aget_name_by_idx", place) {
        H5Aget_name_by_idx(
          handle.id, ".", H5_INDEX_NAME, H5_ITER_INC, index, nil, 0, defaults)
      }
      var text = [CChar](repeating: 0, count: length + 1)
      try check("H5Aget_name_by_idx", place) {
        H5Aget_name_by_idx(
          handle.id, ".", H5_INDEX_NAME, H5_ITER_INC, index, &text, text.count, defaults)
      }
      names.append(
        String(decoding: text.prefix(length).map(UInt8.init(bitPattern:)), as: UTF8.self))
    }
    return names
  }

  /// The value called `name`, or nil.
  func read(_ name: String) throws(HDF5Error) -> HDF5Attribute? {
    let exists = try check("H5Aexists", place) { H5Aexists(handle.id, name) }
    guard exists > 0 else { return nil }
    let attribute = Handle(
      owning: try check("H5Aopen", place) { H5Aopen(handle.id, name, defaults) }, H5Aclose)
    let type = Handle(
      owning: try check("H5Aget_type", place) { H5Aget_type(attribute.id) }, H5Tclose)
    let space = Handle(
      owning: try check("H5Aget_space", place) { H5Aget_space(attribute.id) }, H5Sclose)
    guard let shape = try extents(of: space.id, place) else { return .texts([]) }
    let element = HDF5Element(type.id)
    var count = 1
    for extent in shape {
      let next = count.multipliedReportingOverflow(by: extent)
      guard !next.overflow, next.partialValue <= Self.maximumBytes / max(1, element.byteCount)
      else {
        throw place.error(.refused, "attribute '\(name)' of extents \(shape) is too large")
      }
      count = next.partialValue
    }
    let isScalar = shape.isEmpty
    switch element.kind {
    case .integer:
      guard element.converts(to: Int64.element) else { fallthrough }
      let values: [Int64] = try numbers(attribute, count)
      return isScalar ? .integer(values[0]) : .integers(values)
    case .float:
      let values: [Double] = try numbers(attribute, count)
      return isScalar ? .number(values[0]) : .numbers(values)
    case .text:
      let values = try texts(attribute, type, count)
      return isScalar ? .text(values[0]) : .texts(values)
    case .other:
      throw place.error(
        .typeMismatch, "attribute '\(name)' is \(element); text or numbers are read")
    }
  }

  private func numbers<Scalar: HDF5Scalar & Numeric>(
    _ attribute: Handle, _ count: Int
  ) throws(HDF5Error) -> [Scalar] {
    var values = [Scalar](repeating: .zero, count: count)
    guard count > 0 else { return values }
    try check("H5Aread", place) { H5Aread(attribute.id, Scalar.nativeType, &values) }
    return values
  }

  private func texts(
    _ attribute: Handle, _ type: Handle, _ count: Int
  ) throws(HDF5Error) -> [String] {
    guard count > 0 else { return [] }
    if H5Tis_variable_str(type.id) > 0 { return try variableTexts(attribute, type, count) }
    let length = H5Tget_size(type.id)
    let pad: UInt8 = H5Tget_strpad(type.id) == H5T_STR_SPACEPAD ? 0x20 : 0
    var bytes = [UInt8](repeating: 0, count: count * length)
    try check("H5Aread", place) { H5Aread(attribute.id, type.id, &bytes) }
    return (0..<count).map { index in
      var text = bytes[index * length..<(index + 1) * length].prefix { $0 != 0 }
      while pad == 0x20, text.last == pad { text.removeLast() }
      return String(decoding: text, as: UTF8.self)
    }
  }

  /// Texts as h5py writes them by default: pointers that the library allocates and frees.
  private func variableTexts(
    _ attribute: Handle, _ type: Handle, _ count: Int
  ) throws(HDF5Error) -> [String] {
    var pointers = [UnsafeMutablePointer<CChar>?](repeating: nil, count: count)
    try check("H5Aread", place) { H5Aread(attribute.id, type.id, &pointers) }
    let texts = pointers.map { $0.map { String(cString: $0) } ?? "" }
    for pointer in pointers { H5free_memory(pointer) }
    return texts
  }
}
