import HDF5

/// One dataset of an HDF5 file, any layout and byte order; the first axis counts rows.
enum HDF5Decoder {
  /// Reads a dataset whole.
  ///
  /// - Parameters:
  ///   - name: the file as the recipe names it.
  ///   - root: the folder it is relative to.
  ///   - path: the dataset in the file.
  /// - Returns: all rows.
  /// - Throws: ``PreparationError`` where file or dataset are missing, damaged or no numbers.
  static func read(_ name: String, root: String, dataset path: String) throws -> RawArray {
    let place = RawFile.path(name, root: root)
    do {
      let dataset = try HDF5File(reading: place).root.dataset(path)
      guard !dataset.shape.isEmpty else {
        throw PreparationError(
          .badData, "\(name), dataset \(path): a single number; its first axis must count samples")
      }
      guard let element = element(dataset.element) else {
        throw PreparationError(
          .badData, "\(name), dataset \(path): holds \(dataset.element); numbers are needed")
      }
      return RawArray(
        name: "\(name), dataset \(path)", shape: dataset.shape, element: element,
        bytes: try bytes(dataset, element))
    } catch let error as HDF5Error {
      let isMissing = error.code == .notFound && error.location == place
      throw PreparationError(
        isMissing || error.code == .ioFailure ? .missingSource : .badData, error.description)
    }
  }

  private static func bytes(_ dataset: HDF5Dataset, _ element: RawElement) throws -> [UInt8] {
    func read<Scalar: HDF5Scalar>(_: Scalar.Type) throws -> [UInt8] {
      var bytes = [UInt8](
        repeating: 0,
        count: dataset.rowCount * dataset.scalarsPerRow * MemoryLayout<Scalar>.stride)
      try bytes.withUnsafeMutableBytes { buffer in
        guard let base = buffer.bindMemory(to: Scalar.self).baseAddress else { return }
        try dataset.readRows(0..<dataset.rowCount, into: base)
      }
      return bytes
    }
    switch element {
    case .uint8: return try read(UInt8.self)
    case .int8: return try read(Int8.self)
    case .uint16: return try read(UInt16.self)
    case .int16: return try read(Int16.self)
    case .uint32: return try read(UInt32.self)
    case .int32: return try read(Int32.self)
    case .uint64: return try read(UInt64.self)
    case .int64: return try read(Int64.self)
    case .float32: return try read(Float.self)
    case .float64: return try read(Double.self)
    }
  }

  private static func element(_ stored: HDF5Element) -> RawElement? {
    switch (stored.kind, stored.byteCount) {
    case (.integer(let signed), 1): signed ? .int8 : .uint8
    case (.integer(let signed), 2): signed ? .int16 : .uint16
    case (.integer(let signed), 4): signed ? .int32 : .uint32
    case (.integer(let signed), 8): signed ? .int64 : .uint64
    case (.float, 2), (.float, 4): .float32
    case (.float, 8): .float64
    default: nil
    }
  }
}
