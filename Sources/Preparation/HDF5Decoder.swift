import Datasets
import HDF5

/// One dataset or field of an HDF5 file, any layout and byte order; the first axis counts rows.
///
/// A field is a group of `values`, with `offsets` where samples differ in length and `present` where some
/// lack it, as sample files have them. A dataset of variable length is read as such a field.
enum HDF5Decoder {
  /// Reads a dataset or a field whole.
  ///
  /// - Parameters:
  ///   - name: the file as the recipe names it.
  ///   - root: the folder it is relative to.
  ///   - path: the dataset or the field's group in the file.
  /// - Returns: all rows.
  /// - Throws: ``PreparationError`` where file or dataset are missing, damaged or no numbers.
  static func read(_ name: String, root: String, dataset path: String) throws -> RawArray {
    let file = RawFile.path(name, root: root)
    let place = "\(name), dataset \(path)"
    do {
      let top = try HDF5File(reading: file).root
      guard try top.member(path) == .group else {
        let dataset = try top.dataset(path)
        return try array(dataset, RawExtents(), of: dataset, place)
      }
      let group = try top.group(path)
      let values = try group.dataset("values")
      var array = try array(values, try extents(group, values, place), of: group, place)
      // Vocabularies stand beside the splits, under the names of the fields.
      let field = path.split(separator: "/").last.map(String.init) ?? path
      if try top.member("\(SampleVocabulary.group)/\(field)") == .group {
        array.about.words = try SampleVocabulary(of: field, in: top).words.map { ByteString($0) }
      }
      return array
    } catch let error as HDF5Error {
      let isMissing = error.code == .notFound && error.location == file
      throw PreparationError(
        isMissing || error.code == .ioFailure ? .missingSource : .badData, error.description)
    } catch let error as DatasetError {
      throw PreparationError(.badData, error.description)
    }
  }

  /// The rows of `values`, described by the attributes of `owner`.
  private static func array(
    _ values: HDF5Dataset, _ extents: RawExtents, of owner: any HDF5Attributed, _ place: String
  ) throws -> RawArray {
    guard !values.shape.isEmpty else {
      throw PreparationError(
        .badData, "\(place): a single number; its first axis must count samples")
    }
    var (extents, shape) = (extents, values.shape)
    let bytes: [UInt8]
    let stored = try values.sequenceElement()
    guard let element = element(stored ?? values.element) else {
      throw PreparationError(
        .badData, "\(place): holds \(stored ?? values.element); numbers are needed")
    }
    if stored != nil {
      (bytes, extents.offsets) = try sequences(values, element)
      shape = [extents.offsets?.last ?? 0]
    } else {
      bytes = try self.bytes(values, element)
    }
    var array = RawArray(
      name: place, shape: shape, element: element, bytes: bytes, extents: extents)
    array.about = try description(owner)
    return array
  }

  /// Offsets and presence of a field, checked.
  private static func extents(
    _ group: HDF5Group, _ values: HDF5Dataset, _ place: String
  ) throws -> RawExtents {
    func numbers(_ name: String) throws -> [Int]? {
      guard try group.member(name) != nil else { return nil }
      let dataset = try group.dataset(name)
      guard dataset.shape.count == 1 else {
        throw PreparationError(.badData, "\(place)/\(name): expected one row of whole numbers")
      }
      return try dataset.readAll(as: Int64.self).map { Int($0) }
    }
    var extents = RawExtents()
    extents.offsets = try numbers("offsets")
    if let offsets = extents.offsets {
      guard offsets.first == 0, offsets.last == values.rowCount,
        zip(offsets, offsets.dropFirst()).allSatisfy({ $0 <= $1 })
      else {
        throw PreparationError(
          .badData,
          "\(place)/offsets: expected numbers that grow from 0 to \(values.rowCount), the rows of values"
        )
      }
    }
    if let flags = try numbers("present") {
      let rows = extents.offsets.map { $0.count - 1 } ?? values.rowCount
      guard flags.count == rows, flags.allSatisfy({ $0 == 0 || $0 == 1 }) else {
        throw PreparationError(
          .badData, "\(place)/present: expected \(rows) numbers 0 or 1, one for each sample")
      }
      extents.present = flags.map { $0 == 1 }
    }
    return extents
  }

  /// What the attributes say.
  private static func description(_ owner: any HDF5Attributed) throws -> RawDescription {
    let classes = try owner.attribute("classes")
    return RawDescription(
      classes: classes?.asTexts, classCount: classes?.asInteger.flatMap { Int(exactly: $0) },
      unknown: try owner.attribute("unknown")?.asInteger,
      rate: try owner.attribute("rate")?.asInteger.flatMap { Int(exactly: $0) })
  }

  /// Runs `body` with the scalar type of an element.
  private static func scalar<Result>(
    _ element: RawElement, _ body: (any HDF5Scalar.Type) throws -> Result
  ) throws -> Result {
    switch element {
    case .uint8: try body(UInt8.self)
    case .int8: try body(Int8.self)
    case .uint16: try body(UInt16.self)
    case .int16: try body(Int16.self)
    case .uint32: try body(UInt32.self)
    case .int32: try body(Int32.self)
    case .uint64: try body(UInt64.self)
    case .int64: try body(Int64.self)
    case .float32: try body(Float.self)
    case .float64: try body(Double.self)
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
    return try scalar(element) { try read($0) }
  }

  private static func sequences(
    _ dataset: HDF5Dataset, _ element: RawElement
  ) throws -> (bytes: [UInt8], offsets: [Int]) {
    func read<Scalar: HDF5Scalar>(_: Scalar.Type) throws -> ([UInt8], [Int]) {
      let found = try dataset.readSequences(as: Scalar.self)
      return (found.values.withUnsafeBytes { Array($0) }, found.offsets)
    }
    return try scalar(element) { try read($0) }
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
