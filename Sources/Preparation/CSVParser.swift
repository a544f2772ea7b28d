import Configuration

/// Text tables by RFC 4180: quoted fields may hold separators, line ends and doubled quotes.
///
/// Beyond it: any one-byte separator, CRLF or LF, comment lines, blanks around fields, empty lines
/// skipped, a byte order mark skipped.
struct CSVParser {
  private let bytes: [UInt8]
  private let name: String
  private let separator: UInt8
  private let comment: [UInt8]?
  private let trims: Bool
  private var position = 0
  private var line = 1

  /// A parser at the beginning of a text.
  ///
  /// - Parameters:
  ///   - bytes: the whole text.
  ///   - name: the file, for messages.
  ///   - options: how the table is written.
  /// - Throws: ``PreparationError`` with `.badRecipe` for an impossible separator, `.badData` for a text that is
  ///   not UTF-8 or holds a byte 0.
  init(_ bytes: [UInt8], name: String, options: RecipeSource.CSVOptions) throws {
    let separator = Array(options.separator.utf8)
    guard separator.count == 1, ![0x22, 0x0a, 0x0d].contains(separator[0]) else {
      throw PreparationError(
        .badRecipe, "expected a separator of one ASCII character, found '\(options.separator)'")
    }
    self.bytes = bytes
    self.name = name
    self.separator = separator[0]
    comment = options.comment.flatMap { $0.isEmpty ? nil : Array($0.utf8) }
    trims = options.trim
    if bytes.starts(with: [0xef, 0xbb, 0xbf]) { position = 3 }
    if let fault = UnicodeText.firstFault(bytes[...]) { throw TextLines.notUnicode(place(fault)) }
    if let zero = bytes.firstIndex(of: 0) {
      throw PreparationError(
        .badData, "\(place(zero)): a byte 0, which no text has; check the file")
    }
  }

  /// File, line and byte of the line, from 1.
  private func place(_ index: Int) -> String {
    let line = bytes[..<index].count { $0 == 0x0a }
    let start = bytes[..<index].lastIndex(of: 0x0a).map { $0 + 1 } ?? 0
    return "\(name), line \(line + 1), byte \(index - start + 1)"
  }

  /// Reads the next row.
  ///
  /// - Returns: its cells and the line it begins on, or nil at the end.
  /// - Throws: ``PreparationError`` with `.badData` for broken quoting.
  mutating func row() throws -> (cells: [[UInt8]], line: Int)? {
    while position < bytes.count && skipsLine() { skipLine() }
    guard position < bytes.count else { return nil }
    let first = line
    var cells: [[UInt8]] = []
    while true {
      cells.append(try cell())
      if position < bytes.count && bytes[position] == separator {
        position += 1
        continue
      }
      endLine()
      return (cells, first)
    }
  }

  /// Whether the line that begins here is empty or a comment.
  private func skipsLine() -> Bool {
    if let comment, bytes[position...].starts(with: comment) { return true }
    var index = position
    while trims && index < bytes.count && isBlank(bytes[index]) { index += 1 }
    return index == bytes.count || bytes[index] == 0x0a
      || (bytes[index] == 0x0d && (index + 1 == bytes.count || bytes[index + 1] == 0x0a))
  }

  private mutating func skipLine() {
    while position < bytes.count && bytes[position] != 0x0a { position += 1 }
    endLine()
  }

  /// Steps over LF or CRLF.
  private mutating func endLine() {
    if position < bytes.count && bytes[position] == 0x0d { position += 1 }
    if position < bytes.count && bytes[position] == 0x0a {
      position += 1
      line += 1
    }
  }

  private func isBlank(_ byte: UInt8) -> Bool {
    (byte == 0x20 || byte == 0x09) && byte != separator
  }

  private func isEnd(_ index: Int) -> Bool {
    index >= bytes.count || bytes[index] == separator || bytes[index] == 0x0a
      || (bytes[index] == 0x0d && (index + 1 == bytes.count || bytes[index + 1] == 0x0a))
  }

  private mutating func cell() throws -> [UInt8] {
    var start = position
    while trims && start < bytes.count && isBlank(bytes[start]) { start += 1 }
    if start < bytes.count && bytes[start] == 0x22 {
      position = start + 1
      return try quotedCell()
    }
    while !isEnd(position) { position += 1 }
    var end = position
    while trims && end > start && isBlank(bytes[end - 1]) { end -= 1 }
    return Array(bytes[min(start, end)..<end])
  }

  private mutating func quotedCell() throws -> [UInt8] {
    let first = line
    var cell: [UInt8] = []
    while true {
      guard position < bytes.count else {
        throw PreparationError(
          .badData, "\(name), line \(first): a quoted field is never closed")
      }
      let byte = bytes[position]
      position += 1
      if byte == 0x22 {
        guard position < bytes.count && bytes[position] == 0x22 else { break }
        position += 1
      }
      if byte == 0x0a { line += 1 }
      cell.append(byte)
    }
    while trims && position < bytes.count && isBlank(bytes[position]) { position += 1 }
    guard isEnd(position) else {
      throw PreparationError(
        .badData,
        "\(name), line \(line): expected a separator or the end of the line after a quoted field")
    }
    return cell
  }
}

extension TextTable {
  /// Reads text tables one after the other as one.
  ///
  /// - Parameters:
  ///   - files: each opened at its beginning; the first names the columns if there is a header.
  ///   - options: how the tables are written.
  /// - Returns: all rows.
  /// - Throws: ``PreparationError`` for broken quoting, ragged rows, or differing headers.
  static func read(_ files: [RawFile], options: RecipeSource.CSVOptions) throws -> TextTable {
    var table: TextTable?
    var header: [String]?
    for file in files {
      var parser = try CSVParser(try file.readAll(), name: file.name, options: options)
      if options.header {
        let names = try parser.row()?.cells.map { String(decoding: $0, as: UTF8.self) } ?? []
        guard header == nil || header == names else {
          throw PreparationError(
            .badData,
            "\(file.name): its header differs from that of \(files[0].name): found "
              + names.joined(separator: ", "))
        }
        header = names
      }
      try append(&parser, of: file, header: header, options: options, to: &table)
    }
    guard let table else {
      throw PreparationError(
        .badData,
        "\(files.map(\.name).joined(separator: ", ")): expected rows of a table, found none"
          + "\(header == nil ? "" : " below the header")")
    }
    return table
  }

  private static func append(
    _ parser: inout CSVParser, of file: RawFile, header: [String]?,
    options: RecipeSource.CSVOptions, to table: inout TextTable?
  ) throws {
    var began = false
    while let (cells, line) = try parser.row() {
      if table == nil {
        let names =
          options.columns.isEmpty ? header ?? cells.indices.map(String.init) : options.columns
        try check(names, file: file.name)
        table = TextTable(columns: names, missing: options.missing)
      }
      if !began {
        table?.beginFile(file.name)
        began = true
      }
      let expected = table?.columns.count ?? 0
      guard cells.count == expected else {
        throw PreparationError(
          .badData,
          "\(file.name), line \(line): expected \(expected) fields, found \(cells.count);"
            + " check 'separator' and 'columns' of the source, or mend the line")
      }
      table?.append(row: cells, line: line)
    }
  }

  private static func check(_ names: [String], file: String) throws {
    var seen: Set<String> = []
    for name in names where !seen.insert(name).inserted {
      throw PreparationError(
        .badData,
        "\(file): two columns are called '\(name)'; name them all under 'columns' of the source")
    }
  }
}
