import Configuration

extension SourcePart {
  /// The same part with some of its rows.
  ///
  /// - Parameter kept: rows, ascending.
  /// - Returns: a part of so many rows.
  func selecting(_ kept: [Int]) -> SourcePart {
    switch self {
    case .rows(let rows): .rows(SelectedRows(all: rows, kept: kept))
    case .table(let table): .table(table.selecting(kept))
    case .column(let table, let column): .column(table.selecting(kept), column)
    case .media(let media): .media(media.selecting(kept))
    }
  }
}

/// Some rows of an array.
struct SelectedRows: RawRows {
  /// The array.
  let all: any RawRows
  /// Which of its rows.
  let kept: [Int]

  var rows: Int { kept.count }
  var rowShape: [Int] { all.rowShape }
  var element: RawElement { all.element }
  var columnNames: [String]? { all.columnNames }
  func place(_ row: Int) -> String { all.place(kept[row]) }
  func copy(_ row: Int, into target: UnsafeMutableRawPointer) { all.copy(kept[row], into: target) }
}

/// Which rows of a split with sources become samples: those that meet all conditions and whose files
/// can be used.
struct RowSelection {
  /// The rows, ascending.
  let kept: [Int]

  /// Looks at every row.
  ///
  /// - Parameters:
  ///   - split: the split.
  ///   - parts: what its fields are made from, all with `count` rows.
  ///   - count: S before the selection.
  ///   - loaded: the sources by name.
  /// - Throws: ``PreparationError`` with `.badRecipe` for a condition on a part that is no text or has
  ///   another number of rows, and where nothing is left.
  init(
    _ split: RecipeSplit, _ parts: [SourcePart], count: Int, loaded: [String: LoadedSource]
  ) throws {
    let tests = try split.conditions.map { condition -> (TextTable, Int, RecipeCondition) in
      guard let table = loaded[condition.source]?.text else {
        throw PreparationError(
          .badRecipe,
          "split '\(split.name)': the source '\(condition.source)' has no text for 'where';"
            + " name a csv source or one of files")
      }
      return (table, try table.column(condition.part), condition)
    }
    let media = parts.compactMap { if case .media(let media) = $0 { media } else { nil } }
    var kept: [Int] = []
    var excluded = 0
    for row in 0..<count {
      guard tests.allSatisfy({ $2.accepted.accepts($0.text(row, $1)) }) else {
        excluded += 1
        continue
      }
      if media.allSatisfy({ $0.isGood(row) }) { kept.append(row) }
    }
    guard !kept.isEmpty else {
      throw PreparationError(
        excluded == count ? .badRecipe : .badData,
        "split '\(split.name)': "
          + (excluded == count ? "no sample meets 'where'" : "no file of it can be used"))
    }
    self.kept = kept
  }

  /// The parts with only the kept rows; the classes that a condition rules out are forgotten.
  func apply(_ parts: [SourcePart], _ split: RecipeSplit) -> [SourcePart] {
    parts.map { part in
      guard part.count != kept.count || !split.conditions.isEmpty else { return part }
      guard case .column(var table, let column) = part.selecting(kept) else {
        return part.selecting(kept)
      }
      for condition in split.conditions where condition.part == table.columns[column] {
        table.declared[condition.part]?.removeAll { !condition.accepted.accepts($0) }
      }
      return .column(table, column)
    }
  }
}
