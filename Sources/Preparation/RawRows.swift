/// Rows of numbers of equal shape: one row is one sample's part.
protocol RawRows {
  /// The number of rows.
  var rows: Int { get }
  /// The extents of one row, `[]` for a single number.
  var rowShape: [Int] { get }
  /// The type of the numbers.
  var element: RawElement { get }
  /// Names of the columns where the material has them.
  var columnNames: [String]? { get }
  /// Says where a row comes from, for messages.
  func place(_ row: Int) -> String
  /// Writes one row's numbers, `rowBytes` of them, in C order and native byte order.
  func copy(_ row: Int, into target: UnsafeMutableRawPointer)
}

extension RawRows {
  /// Numbers in a row.
  var scalarsPerRow: Int { rowShape.reduce(1, *) }
  /// Bytes of a row.
  var rowBytes: Int { scalarsPerRow * element.byteCount }
  /// Numeric material has no names unless it says so.
  var columnNames: [String]? { nil }
}

/// Rows held in memory.
struct RawArray: RawRows {
  let rows: Int
  let rowShape: [Int]
  let element: RawElement
  private(set) var bytes: [UInt8]
  /// The files and the number of rows of each.
  private var files: [(name: String, rows: Int)]

  /// An array of one file.
  ///
  /// - Parameters:
  ///   - name: the file, for messages.
  ///   - shape: rows first.
  ///   - element: the type of the numbers.
  ///   - bytes: C order, native byte order; exactly the shape's size.
  init(name: String, shape: [Int], element: RawElement, bytes: [UInt8]) {
    precondition(bytes.count == shape.reduce(element.byteCount, *), "shape and size differ")
    rows = shape.first ?? 1
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
    rows = parts.reduce(0) { $0 + $1.rows }
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

  func copy(_ row: Int, into target: UnsafeMutableRawPointer) {
    let size = rowBytes
    bytes.withUnsafeBytes { buffer in
      guard size > 0, let base = buffer.baseAddress else { return }
      target.copyMemory(from: base + row * size, byteCount: size)
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
