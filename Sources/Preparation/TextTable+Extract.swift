import Configuration

extension TextTable {
  /// Adds a column with the part of another one that a pattern finds; nothing found is an empty cell.
  ///
  /// - Parameter column: the new column's name, the other one's, and a regular expression.
  /// - Throws: ``PreparationError`` with `.badRecipe` for a broken pattern or an unknown column.
  mutating func extract(_ column: RecipeSource.CSVOptions.Extract) throws {
    let pattern: Regex<AnyRegexOutput>
    do { pattern = try Regex(column.pattern) } catch {
      throw PreparationError(
        .badRecipe,
        "extract '\(column.name)': '\(column.pattern)' is no regular expression: \(error)")
    }
    guard !columns.contains(column.name) else {
      throw PreparationError(
        .badRecipe, "extract '\(column.name)': there is a column of this name; choose another")
    }
    let source = try self.column(column.from)
    let cells = (0..<rows).map { row -> [UInt8] in
      guard let text = text(row, source), let match = try? pattern.firstMatch(in: text) else {
        return []
      }
      let found = match.output.count > 1 ? match.output[1].substring : match.output[0].substring
      return Array((found ?? "").utf8)
    }
    append(column: column.name, cells: cells)
  }
}
