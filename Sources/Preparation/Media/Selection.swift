import Configuration

extension PlannedOrigin {
  /// The origin with only the rows that meet all conditions of its split and whose files can be used.
  ///
  /// - Parameters:
  ///   - split: the split.
  ///   - tables: for each condition the text that it asks, with one row per sample.
  /// - Returns: the same origin where all rows are kept.
  /// - Throws: ``PreparationError`` where nothing is left, or a table has another number of rows.
  func selecting(_ split: RecipeSplit, _ tables: [TextTable]) throws -> PlannedOrigin {
    var tests: [(table: TextTable, column: Int, accepted: RecipeCondition.Accepted)] = []
    for (condition, table) in zip(split.conditions, tables) {
      guard table.rows == count else {
        throw PreparationError(
          .badData,
          "split '\(split.name)': '\(condition.source)' has \(table.rows) rows for \(count) samples"
        )
      }
      tests.append((table, try table.column(condition.part), condition.accepted))
    }
    let media = parts.compactMap { if case .media(let media) = $0 { media } else { nil } }
    let met = (0..<count).filter { row in
      tests.allSatisfy { $0.accepted.accepts($0.table.text(row, $0.column)) }
    }
    let kept = met.filter { row in media.allSatisfy { $0.isGood(row) } }
    guard !kept.isEmpty else {
      throw PreparationError(
        met.isEmpty ? .badRecipe : .badData,
        "split '\(split.name)': "
          + (count == 0
            ? "its sources hold no samples"
            : met.isEmpty ? "no sample meets 'where'" : "no file of it can be used"))
    }
    guard kept.count < count || !tests.isEmpty else { return self }
    let wanted = Set(rows)
    return PlannedOrigin(
      parts: parts.map { PlannedOrigin.forget($0.mapped(kept), split) },
      rowMaps: rowMaps.map { map in kept.map { map?[$0] ?? $0 } },
      rows: kept.indices.filter { wanted.contains(kept[$0]) }, count: kept.count)
  }

  /// The part without the classes that a condition rules out.
  private static func forget(_ part: SourcePart, _ split: RecipeSplit) -> SourcePart {
    guard case .column(var table, let column) = part else { return part }
    for condition in split.conditions where condition.part == table.columns[column] {
      table.declared[condition.part]?.removeAll { !condition.accepted.accepts($0) }
    }
    return .column(table, column)
  }
}
