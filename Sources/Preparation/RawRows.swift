/// Rows of numbers of equal shape, or of steps of equal shape: one row is one sample's part.
protocol RawRows {
  /// The number of rows.
  var rows: Int { get }
  /// The extents of one row, of one of its steps where rows differ in length; `[]` for a single number.
  var rowShape: [Int] { get }
  /// The type of the numbers.
  var element: RawElement { get }
  /// Names of the columns where the material has them.
  var columnNames: [String]? { get }
  /// Says where a row comes from, for messages.
  func place(_ row: Int) -> String
  /// Whether rows have steps, each row as many as it has.
  var isRagged: Bool { get }
  /// What the file says of the numbers.
  var about: RawDescription { get }
  /// The steps of a row, 1 where rows have none.
  func steps(_ row: Int) -> Int
  /// Whether there is something for a row.
  func isPresent(_ row: Int) -> Bool
  /// Which of the rows that were read this one is; -1 where it is none.
  func storedRow(_ row: Int) -> Int
  /// Writes one row's numbers, `rowBytes` for each of its steps, in C order and native byte order.
  func copy(_ row: Int, into target: UnsafeMutableRawPointer)
}

extension RawRows {
  /// Numbers in a row.
  var scalarsPerRow: Int { rowShape.reduce(1, *) }
  /// Bytes of a row, or of one step.
  var rowBytes: Int { scalarsPerRow * element.byteCount }
  /// Numeric material has no names unless it says so.
  var columnNames: [String]? { nil }
  var isRagged: Bool { false }
  var about: RawDescription { RawDescription() }
  func steps(_ row: Int) -> Int { 1 }
  func isPresent(_ row: Int) -> Bool { true }
  func storedRow(_ row: Int) -> Int { row }
}

/// Rows held in memory.
struct RawArray: RawRows {
  let rows: Int
  let rowShape: [Int]
  let element: RawElement
  private(set) var bytes: [UInt8]
  /// How many steps rows have, and which are there.
  let extents: RawExtents
  var about = RawDescription()
  /// The files and the number of rows of each.
  private var files: [(name: String, rows: Int)]

  /// An array of one file.
  ///
  /// - Parameters:
  ///   - name: the file, for messages.
  ///   - shape: rows first, or all steps.
  ///   - element: the type of the numbers.
  ///   - bytes: C order, native byte order; exactly the shape's size.
  ///   - extents: the steps of each row, and which rows are there.
  init(
    name: String, shape: [Int], element: RawElement, bytes: [UInt8],
    extents: RawExtents = RawExtents()
  ) {
    precondition(bytes.count == shape.reduce(element.byteCount, *), "shape and size differ")
    rows = extents.offsets.map { $0.count - 1 } ?? shape.first ?? 1
    self.extents = extents
    rowShape = Array(shape.dropFirst())
    self.element = element
    self.bytes = bytes
    files = [(name, rows)]
  }

  /// Several files' arrays as one.
  ///
  /// - Parameter parts: at least one.
  /// - Throws: ``PreparationError`` with `.badData` where type or shape of rows differ.
  init(joining parts: [RawArray]) throws {
    let first = parts[0]
    for part in parts where part.element != first.element || part.rowShape != first.rowShape {
      throw PreparationError(
        .badData,
        "\(part.files[0].name): rows are \(part.element.rawValue) \(part.rowShape), but those of"
          + " \(first.files[0].name) are \(first.element.rawValue) \(first.rowShape);"
          + " the files of one source must agree")
    }
    var (extents, rows) = (first.extents, first.rows)
    for part in parts.dropFirst() {
      guard let joined = extents.followed(by: part.extents, rows: rows, nextRows: part.rows),
        part.about == first.about
      else {
        throw PreparationError(
          .badData,
          "\(part.files[0].name): its attributes, or whether rows have steps, are not those of"
            + " \(first.files[0].name); the files of one source must agree")
      }
      extents = joined
      rows += part.rows
    }
    (self.extents, self.rows, about) = (extents, rows, first.about)
    rowShape = first.rowShape
    element = first.element
    bytes = parts.count == 1 ? first.bytes : parts.flatMap(\.bytes)
    files = parts.flatMap(\.files)
  }

  func place(_ row: Int) -> String {
    var row = row
    for file in files {
      if row < file.rows { return "\(file.name), row \(row)" }
      row -= file.rows
    }
    return files.last?.name ?? ""
  }

  var isRagged: Bool { extents.offsets != nil }

  func steps(_ row: Int) -> Int {
    extents.offsets.map { $0[row + 1] - $0[row] } ?? 1
  }

  func isPresent(_ row: Int) -> Bool { extents.present?[row] ?? true }

  func copy(_ row: Int, into target: UnsafeMutableRawPointer) {
    let size = rowBytes * steps(row)
    let start = (extents.offsets?[row] ?? row) * rowBytes
    bytes.withUnsafeBytes { buffer in
      guard size > 0, let base = buffer.baseAddress else { return }
      target.copyMemory(from: base + start, byteCount: size)
    }
  }
}

extension Array where Element == Int {
  /// The product of the extents times `factor`, or nil if one is negative or it overflows.
  func checkedProduct(times factor: Int) -> Int? {
    var total = factor
    for extent in self {
      guard extent >= 0 else { return nil }
      let (product, overflow) = total.multipliedReportingOverflow(by: extent)
      guard !overflow else { return nil }
      total = product
    }
    return total
  }
}
