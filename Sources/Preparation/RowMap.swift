import Configuration
import Tensors

/// Which row of a source each sample of a split is made of; -1 where there is none.
struct RowMap {
  /// A row for each sample.
  let rows: [Int]

  /// Finds the rows by their keys.
  ///
  /// - Parameters:
  ///   - join: the recipe's options.
  ///   - split: the split that is joined, which keys the draws.
  ///   - on: the key of each sample; nil: none.
  ///   - to: the key of each row of the source.
  /// - Throws: ``PreparationError`` with `.badData` for a key of several rows without a seed, or without
  ///   a row where the recipe says `unmatched: fail`.
  init(_ join: RecipeJoin, split: String, on: [ByteString?], to: [ByteString?]) throws {
    var found: [ByteString: [Int]] = [:]
    for (row, key) in to.enumerated() {
      if let key { found[key, default: []].append(row) }
    }
    let salt = pathHash("join \(split) \(join.source)")
    rows = try on.enumerated().map { sample, key in
      guard let key, let candidates = found[key] else {
        guard join.unmatched != .fail else {
          throw PreparationError(
            .badData,
            "split '\(split)', sample \(sample): '\(join.source)' has no row with the key "
              + "'\(key?.text ?? "")'; add it, or set 'unmatched: keep' or 'unmatched: drop'")
        }
        return -1
      }
      guard candidates.count > 1 else { return candidates[0] }
      guard let seed = join.seed else {
        throw PreparationError(
          .badData,
          "split '\(split)': '\(join.source)' has \(candidates.count) rows with the key"
            + " '\(key.text)' (rows \(candidates[0]) and \(candidates[1]), from 0); make keys unique,"
            + " or give a 'seed' to draw one for each sample")
      }
      return candidates[Int(splitUniform(seed, salt, sample) * Double(candidates.count))]
    }
  }
}

/// Rows of another source in another order; rows that are not there are zeros.
struct MappedRows: RawRows {
  let base: any RawRows
  let map: [Int]

  var rows: Int { map.count }
  var rowShape: [Int] { base.rowShape }
  var element: RawElement { base.element }
  var columnNames: [String]? { base.columnNames }
  var isRagged: Bool { base.isRagged }
  var about: RawDescription { base.about }

  func steps(_ row: Int) -> Int { map[row] < 0 ? (isRagged ? 0 : 1) : base.steps(map[row]) }

  func isPresent(_ row: Int) -> Bool { map[row] >= 0 && base.isPresent(map[row]) }

  func storedRow(_ row: Int) -> Int { map[row] < 0 ? -1 : base.storedRow(map[row]) }

  func place(_ row: Int) -> String {
    map[row] < 0 ? "sample \(row), which has no row here" : base.place(map[row])
  }

  func copy(_ row: Int, into target: UnsafeMutableRawPointer) {
    guard map[row] < 0 else {
      base.copy(map[row], into: target)
      return
    }
    target.initializeMemory(as: UInt8.self, repeating: 0, count: rowBytes * steps(row))
  }
}

extension SourcePart {
  /// Whether the source has something for a row; what a table lacks its field's maker knows.
  func isPresent(_ row: Int) -> Bool {
    if case .rows(let rows) = self { rows.isPresent(row) } else { true }
  }

  /// The part with row n taken from row `map.rows[n]`.
  ///
  /// - Parameters:
  ///   - map: the rows.
  ///   - name: for messages.
  /// - Returns: the part in the order of the samples.
  /// - Throws: ``PreparationError`` with `.badData` where keys stand for more rows than there are.
  func mapped(_ map: RowMap, _ name: String) throws -> SourcePart {
    if let highest = map.rows.max(), highest >= count {
      throw PreparationError(.badData, "\(name) has \(count) rows, but its keys are for more")
    }
    return mapped(map.rows)
  }

  /// The part with row n taken from row `map[n]`, -1 where there is none.
  func mapped(_ map: [Int]) -> SourcePart {
    switch self {
    case .rows(let rows): .rows(MappedRows(base: rows, map: map))
    case .table(let table): .table(table.mapped(map))
    case .column(let table, let column): .column(table.mapped(map), column)
    case .media(let media): .media(media.mapped(map))
    case .sequence(let part, let sequences): .sequence(part, sequences.mapped(map))
    }
  }

  /// The text of each row's key; nil where there is no value.
  ///
  /// - Parameter name: for messages.
  /// - Returns: one key a row.
  /// - Throws: ``PreparationError`` with `.badRecipe` for what is neither a column nor whole numbers.
  func keys(_ name: String) throws -> [ByteString?] {
    switch self {
    case .column(let table, let column):
      return (0..<table.rows).map { table.cell($0, column).map { ByteString($0) } }
    case .rows(let rows)
    where rows.scalarsPerRow == 1 && rows.element.isInteger && !rows.isRagged:
      return withUnsafeTemporaryAllocation(byteCount: 8, alignment: 8) { cell in
        guard let base = cell.baseAddress else { return [] }
        return (0..<rows.rows).map { row in
          rows.copy(row, into: base)
          guard rows.isPresent(row) else { return nil }
          return rows.element.integer(base, 0).map { ByteString(String($0)) }
        }
      }
    case .rows, .table, .media, .sequence:
      throw PreparationError(
        .badRecipe, "\(name): a key is one column of a table, or one whole number a row")
    }
  }

  /// The number of each row.
  ///
  /// - Parameter name: for messages.
  /// - Returns: one number a row.
  /// - Throws: ``PreparationError`` where there is none.
  func numbers(_ name: String) throws -> [Double] {
    switch self {
    case .column(let table, let column):
      return try (0..<table.rows).map { row in
        guard let number = try table.number(row, column), number.isFinite else {
          throw PreparationError(
            .badData, "\(table.place(row)), column '\(table.columns[column])': a number is needed")
        }
        return number
      }
    case .rows(let rows) where rows.scalarsPerRow == 1 && !rows.isRagged:
      let numbers = withUnsafeTemporaryAllocation(byteCount: 8, alignment: 8) { cell -> [Double] in
        guard let base = cell.baseAddress else { return [] }
        return (0..<rows.rows).map { row in
          rows.copy(row, into: base)
          return rows.element.number(base, 0)
        }
      }
      guard let row = numbers.firstIndex(where: { !$0.isFinite }) else { return numbers }
      throw PreparationError(.badData, "\(rows.place(row)): \(numbers[row]), a number is needed")
    case .rows, .table, .media, .sequence:
      throw PreparationError(
        .badRecipe, "\(name): one column of a table, or one number a row, is needed")
    }
  }
}
