import CHDF5

extension HDF5Dataset {
  /// Reads rows into memory, converting type and byte order.
  ///
  /// - Parameters:
  ///   - rows: which, within `0 ..< rowCount`; others are a programmer error and trap.
  ///   - destination: room for `rows.count * scalarsPerRow` scalars.
  ///   - allowRounding: true lets floats and integers round to the nearest float of the wanted type;
  ///     false refuses a conversion that could change a value.
  /// - Throws: ``HDF5Error``: `.typeMismatch`, `.damaged` where a checksum does not fit, `.ioFailure`.
  public func readRows<Scalar: HDF5Scalar>(
    _ rows: Range<Int>, into destination: UnsafeMutablePointer<Scalar>, allowRounding: Bool = false
  ) throws(HDF5Error) {
    precondition(rows.lowerBound >= 0 && rows.upperBound <= rowCount, "rows \(rows) of \(rowCount)")
    try requireConversion(to: Scalar.element, allowRounding: allowRounding)
    guard !rows.isEmpty, scalarsPerRow > 0 else { return }
    try select(rows) { (memory, file) throws(HDF5Error) in
      try check("H5Dread", place) {
        H5Dread(handle.id, Scalar.nativeType, memory, file, defaults, destination)
      }
    }
  }

  /// All numbers in C order.
  ///
  /// - Parameters:
  ///   - type: the wanted type.
  ///   - allowRounding: as for ``readRows(_:into:allowRounding:)``.
  /// - Returns: `shape`'s product of scalars.
  /// - Throws: ``HDF5Error`` as reading rows does.
  public func readAll<Scalar: HDF5Scalar & Numeric>(
    as type: Scalar.Type = Scalar.self, allowRounding: Bool = false
  ) throws(HDF5Error) -> [Scalar] {
    var values = [Scalar](repeating: .zero, count: rowCount * scalarsPerRow)
    var failure: HDF5Error?
    values.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      do throws(HDF5Error) {
        try readRows(0..<rowCount, into: base, allowRounding: allowRounding)
      } catch { failure = error }
    }
    if let failure { throw failure }
    return values
  }

  /// Writes rows from memory in the stored type.
  ///
  /// - Parameters:
  ///   - rows: which, within `0 ..< rowCount`; others are a programmer error and trap.
  ///   - source: `rows.count * scalarsPerRow` scalars.
  /// - Throws: ``HDF5Error``: `.typeMismatch` if the stored type is another, `.ioFailure`.
  public func writeRows<Scalar: HDF5Scalar>(
    _ rows: Range<Int>, from source: UnsafePointer<Scalar>
  ) throws(HDF5Error) {
    try writeRows(rows, nativeType: Scalar.nativeType, Scalar.element, from: source)
  }

  /// Writes rows whose scalars are the stored ones.
  ///
  /// - Parameters:
  ///   - rows: which, within `0 ..< rowCount`; others are a programmer error and trap.
  ///   - bytes: the numbers exactly as the dataset's element describes them.
  /// - Throws: ``HDF5Error`` `.ioFailure`.
  public func writeRows(_ rows: Range<Int>, bytes: UnsafeRawPointer) throws(HDF5Error) {
    let type = Handle(
      owning: try check("H5Dget_type", place) { H5Dget_type(handle.id) }, H5Tclose)
    try writeRows(rows, nativeType: type.id, element, from: bytes)
  }

  private func writeRows(
    _ rows: Range<Int>, nativeType: hid_t, _ scalar: HDF5Element, from source: UnsafeRawPointer
  ) throws(HDF5Error) {
    precondition(rows.lowerBound >= 0 && rows.upperBound <= rowCount, "rows \(rows) of \(rowCount)")
    guard scalar == element else {
      throw place.error(.typeMismatch, "\(scalar) cannot be written where \(element) is stored")
    }
    guard !rows.isEmpty, scalarsPerRow > 0 else { return }
    try select(rows) { (memory, file) throws(HDF5Error) in
      try check("H5Dwrite", place) {
        H5Dwrite(handle.id, nativeType, memory, file, defaults, source)
      }
    }
  }

  /// Throws unless stored numbers become `target` under the given rule.
  private func requireConversion(
    to target: HDF5Element, allowRounding: Bool
  ) throws(HDF5Error) {
    if element.converts(to: target) { return }
    var isNumber = element.kind == .float
    if case .integer = element.kind { isNumber = true }
    if allowRounding, isNumber, target.kind == .float { return }
    throw place.error(
      .typeMismatch, "\(element) cannot become \(target) without loss; store it as \(target)")
  }

  /// Lends a memory space and a file selection of `rows`.
  func select(
    _ rows: Range<Int>, _ body: (hid_t, hid_t) throws(HDF5Error) -> Void
  ) throws(HDF5Error) {
    guard !shape.isEmpty else { return try body(0, 0) }
    let space = Handle(
      owning: try check("H5Dget_space", place) { H5Dget_space(handle.id) }, H5Sclose)
    var start = shape.map { _ in hsize_t(0) }
    var count = shape.map { hsize_t($0) }
    start[0] = hsize_t(rows.lowerBound)
    count[0] = hsize_t(rows.count)
    try check("H5Sselect_hyperslab", place) {
      H5Sselect_hyperslab(space.id, H5S_SELECT_SET, start, nil, count, nil)
    }
    // Of the same shape as the selection: the library visits dissimilar shapes number by number.
    let memory = try makeSpace([rows.count] + rowShape, place)
    try body(memory.id, space.id)
  }
}
