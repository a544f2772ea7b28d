/// A text table in memory: named columns, rows of trimmed and unquoted cells.
struct TextTable {
  /// The names of the columns.
  private(set) var columns: [String]
  /// The texts that mean "no value".
  let missing: [[UInt8]]
  /// The bytes of all cells, row after row.
  private(set) var bytes: [UInt8] = []
  /// Where each cell begins in `bytes`, and the end of the last.
  private(set) var starts: [Int] = [0]
  /// The line each row began on, from 1.
  private var lines: [Int] = []
  /// Texts that a column may hold though no row may: the folders of classes.
  var declared: [String: [String]] = [:]
  private var files: [(name: String, rows: Int)] = []
  /// For a view in another order: the row of each row, -1 where there is none.
  private var map: [Int]?

  /// An empty table.
  init(columns: [String], missing: [String]) {
    self.columns = columns
    self.missing = missing.map { Array($0.utf8) }
  }

  /// The number of rows.
  var rows: Int { map?.count ?? lines.count }

  /// The same cells in another order; -1 makes a row without values.
  func mapped(_ rows: [Int]) -> TextTable {
    var table = self
    table.map = rows.map { $0 < 0 ? -1 : map?[$0] ?? $0 }
    return table
  }

  /// Adds a column to the right, one cell per row.
  mutating func append(column name: String, cells: [[UInt8]]) {
    precondition(map == nil && cells.count == rows, "a column has one cell per row")
    var table = TextTable(columns: columns + [name], missing: [])
    for row in 0..<rows {
      for cell in starts[(row * columns.count)..<(row + 1) * columns.count].indices {
        table.bytes.append(contentsOf: bytes[starts[cell]..<starts[cell + 1]])
        table.starts.append(table.bytes.count)
      }
      table.bytes.append(contentsOf: cells[row])
      table.starts.append(table.bytes.count)
    }
    (columns, bytes, starts) = (table.columns, table.bytes, table.starts)
  }

  /// Begins the rows of the next file.
  mutating func beginFile(_ name: String) { files.append((name, 0)) }

  /// Appends a row, one cell per column.
  mutating func append(row cells: [[UInt8]], line: Int) {
    precondition(cells.count == columns.count, "a row has one cell per column")
    for cell in cells {
      bytes.append(contentsOf: cell)
      starts.append(bytes.count)
    }
    lines.append(line)
    files[files.count - 1].rows += 1
  }

  /// Appends the row of a file that is a sample of its own.
  mutating func append(file name: String, cells: [String]) {
    beginFile(name)
    append(row: cells.map { Array($0.utf8) }, line: 0)
  }

  /// The text of a cell, or nil if it means "no value".
  func cell(_ row: Int, _ column: Int) -> ArraySlice<UInt8>? {
    let row = map?[row] ?? row
    guard row >= 0 else { return nil }
    let index = row * columns.count + column
    let cell = bytes[starts[index]..<starts[index + 1]]
    return missing.contains { $0.elementsEqual(cell) } ? nil : cell
  }

  /// The text of a cell, or nil if it means "no value".
  func text(_ row: Int, _ column: Int) -> String? {
    cell(row, column).map { String(decoding: $0, as: UTF8.self) }
  }

  /// The number in a cell, or nil if it means "no value".
  ///
  /// - Parameters:
  ///   - row: the row.
  ///   - column: the column.
  /// - Returns: the number, which may be infinite or NaN if the text says so.
  /// - Throws: ``PreparationError`` with `.badData`, naming file, line and column, for other texts.
  func number(_ row: Int, _ column: Int) throws -> Double? {
    guard let text = text(row, column) else { return nil }
    // Hexadecimal numbers, which Swift reads too, are more likely codes.
    guard let number = Double(text), !text.utf8.contains(where: { $0 | 0x20 == 0x78 }) else {
      throw PreparationError(
        .badData,
        "\(place(row)), column '\(columns[column])': expected a number, found '\(text)';"
          + " if that means \"no value\", list it under 'missing' of the source")
    }
    return number
  }

  /// The file and line of a row; the file alone where it is a sample of its own.
  func place(_ row: Int) -> String {
    let row = map?[row] ?? row
    guard row >= 0 else { return "a sample without a row in \(files.first?.name ?? "the table")" }
    var before = 0
    for file in files {
      before += file.rows
      if row < before { return file.name + (lines[row] > 0 ? ", line \(lines[row])" : "") }
    }
    return files.last?.name ?? ""
  }

  /// The index of a column.
  ///
  /// - Parameter name: its name.
  /// - Returns: its index.
  /// - Throws: ``PreparationError`` with `.badRecipe`, listing the columns there are.
  func column(_ name: String) throws -> Int {
    guard let index = columns.firstIndex(of: name) else {
      throw PreparationError(
        .badRecipe,
        "there is no column '\(name)' in \(files.first?.name ?? "the table"); its columns are "
          + columns.joined(separator: ", "))
    }
    return index
  }
}
