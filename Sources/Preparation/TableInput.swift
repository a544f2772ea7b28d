/// One split's table: named columns of text or of numbers.
struct TableInput {
  /// The names of the columns.
  let columns: [String]
  private let part: SourcePart

  /// Wraps a source part.
  ///
  /// - Parameters:
  ///   - part: a text table, or rows of one axis.
  ///   - input: the field, for messages.
  /// - Throws: ``PreparationError`` with `.badRecipe`.
  init(_ part: SourcePart, _ input: FieldInput) throws {
    self.part = part
    switch part {
    case .table(let table): columns = table.columns
    case .column(let table, let column): columns = [table.columns[column]]
    case .rows(let rows):
      guard rows.rowShape.count <= 1 else {
        throw input.bad("a table needs one axis per sample, found samples of \(rows.rowShape)")
      }
      columns = rows.columnNames ?? (0..<rows.scalarsPerRow).map(String.init)
    case .media: throw input.bad("files become 'modality: image' or 'modality: sound'")
    case .sequence: throw input.badSequence
    }
  }

  /// The index of a column.
  func column(_ name: String, _ input: FieldInput) throws -> Int {
    guard let index = columns.firstIndex(of: name) else {
      throw input.bad(
        "there is no column '\(name)'; the columns are \(columns.joined(separator: ", "))")
    }
    return index
  }

  /// The numbers of one row, nil where there is none.
  ///
  /// - Parameters:
  ///   - row: the row.
  ///   - columns: which columns.
  ///   - nanIsMissing: whether NaN means "no value"; it is an error otherwise, as infinity always is.
  /// - Returns: one entry per column.
  /// - Throws: ``PreparationError`` with `.badData`, naming file, row and column.
  func numbers(_ row: Int, _ columns: [Int], nanIsMissing: Bool) throws -> [Double?] {
    let found: [Double?]
    switch part {
    case .table(let table): found = try columns.map { try table.number(row, $0) }
    case .column(let table, let column): found = [try table.number(row, column)]
    case .rows(let rows):
      let size = max(8, rows.rowBytes)
      found = withUnsafeTemporaryAllocation(byteCount: size, alignment: 8) { cell in
        guard let base = cell.baseAddress else { return [] }
        rows.copy(row, into: base)
        return columns.map { rows.element.number(base, $0) }
      }
    case .media, .sequence: preconditionFailure("refused when the field was checked")
    }
    return try zip(found, columns).map { number, column in
      guard let number, !Float(number).isFinite else { return number }
      if number.isNaN && nanIsMissing { return nil }
      throw PreparationError(
        .badData,
        "\(place(row, column)): \(number) is not a finite float32; mend the data"
          + (number.isNaN ? ", or set 'missing: indicator' or 'missing: mean' of the field" : ""))
    }
  }

  /// The text of a category, or nil where there is none.
  func category(_ row: Int, _ column: Int) -> String? {
    switch part {
    case .table(let table): return table.text(row, column)
    case .column(let table, let only): return table.text(row, only)
    case .rows(let rows):
      return withUnsafeTemporaryAllocation(byteCount: max(8, rows.rowBytes), alignment: 8) { cell in
        guard let base = cell.baseAddress else { return nil }
        rows.copy(row, into: base)
        if let whole = rows.element.integer(base, column) { return String(whole) }
        let number = rows.element.number(base, column)
        return number.isNaN ? nil : String(number)
      }
    case .media, .sequence: preconditionFailure("refused when the field was checked")
    }
  }

  /// File, row and column, for messages.
  func place(_ row: Int, _ column: Int) -> String {
    switch part {
    case .table(let table): "\(table.place(row)), column '\(columns[column])'"
    case .column(let table, _): "\(table.place(row)), column '\(columns[0])'"
    case .rows(let rows): "\(rows.place(row)), column '\(columns[column])'"
    case .media, .sequence: preconditionFailure("refused when the field was checked")
    }
  }
}
