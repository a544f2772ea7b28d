import Configuration

/// The sources of a recipe, read, and what the splits make of them.
struct SourceShelf {
  /// What a person should know of the sources.
  let notes: [String]
  /// Files of pictures and sounds that are left out.
  let badFiles: [PreparationSummary.BadFile]
  private let loaded: [String: LoadedSource]

  /// Reads every source; those that are made from another come after it.
  ///
  /// - Parameters:
  ///   - recipe: the recipe, already checked.
  ///   - root: the folder its paths are relative to.
  ///   - crew: the ranks.
  ///   - progress: hears of each source.
  /// - Throws: ``PreparationError``.
  init(
    _ recipe: RecipeConfiguration, root: String, crew: Crew,
    progress: (PreparationProgress) -> Void
  ) throws {
    var loaded: [String: LoadedSource] = [:]
    let sources =
      recipe.sources.filter { $0.kind.base == nil }
      + recipe.sources.filter { $0.kind.base != nil }
    for source in sources {
      progress(.reading(source: source.name))
      loaded[source.name] = try LoadedSource.load(source, root: root, crew: crew) { loaded[$0] }
    }
    self.loaded = loaded
    notes = recipe.sources.flatMap { loaded[$0.name]?.notes ?? [] }
    badFiles = recipe.sources.flatMap { loaded[$0.name]?.badFiles ?? [] }
  }

  /// The part that a reference names, for a field or, without one, for a rule.
  ///
  /// - Throws: ``PreparationError`` with `.badRecipe`.
  func part(_ reference: RecipeSplit.FieldSource, for field: RecipeField? = nil) throws
    -> SourcePart
  {
    guard let source = loaded[reference.source] else {
      throw PreparationError(.badRecipe, "there is no source '\(reference.source)'")
    }
    return try source.part(reference, for: field)
  }

  /// What the splits with sources are made from, in the order of the recipe.
  ///
  /// - Throws: ``PreparationError``.
  func origins(_ recipe: RecipeConfiguration) throws -> [PlannedOrigin] {
    try recipe.splits.compactMap { split in
      guard case .sources(let sources) = split.origin else { return nil }
      let origin = try origin(split.name, sources, split.joins, recipe.fields)
      return try origin.selecting(split, try split.conditions.map { try table($0, split) })
    }
  }

  /// The text that a condition asks, in the order of the split's samples.
  private func table(_ condition: RecipeCondition, _ split: RecipeSplit) throws -> TextTable {
    let table = try text(condition, split.name)
    guard let join = split.joins.first(where: { $0.source == condition.source }) else {
      return table
    }
    return table.mapped(try rowMap(join, split.name).rows)
  }

  /// The text that a condition asks, in the order of its source's rows.
  private func text(_ condition: RecipeCondition, _ split: String) throws -> TextTable {
    if let table = loaded[condition.source]?.text { return table }
    throw PreparationError(
      .badRecipe,
      "split '\(split)': the source '\(condition.source)' has no text for 'where'; name a csv"
        + " or text source, or one of files")
  }

  /// Which row of a joined source each sample is made of.
  private func rowMap(_ join: RecipeJoin, _ split: String) throws -> RowMap {
    let name = "split '\(split)', join '\(join.source)'"
    var keys = try part(join.to).keys("\(name), to")
    for condition in join.conditions {
      let table = try text(condition, split)
      let column = try table.column(condition.part)
      guard table.rows == keys.count else {
        throw PreparationError(
          .badData,
          "\(name): '\(condition.source)' has \(table.rows) rows, its keys are \(keys.count)")
      }
      for row in keys.indices where !condition.accepted.accepts(table.text(row, column)) {
        keys[row] = nil
      }
    }
    // A draw among files is one among those that can be used.
    if case .files(let media, _) = loaded[join.source], media.files.count == keys.count {
      for row in keys.indices where !media.isGood(row) { keys[row] = nil }
    }
    return try RowMap(join, split: split, on: part(join.on).keys("\(name), on"), to: keys)
  }

  /// The parts of one split with sources, joined sources in the order of its samples.
  ///
  /// - Parameters:
  ///   - split: the split's name.
  ///   - sources: where each field comes from.
  ///   - joins: which sources are looked up by a key.
  ///   - fields: the recipe's fields.
  /// - Returns: a part for each field, and the row maps of the joined ones.
  /// - Throws: ``PreparationError`` where counts differ, or a key has no one row.
  func origin(
    _ split: String, _ sources: [RecipeSplit.FieldSource], _ joins: [RecipeJoin],
    _ fields: [RecipeField]
  ) throws -> PlannedOrigin {
    var maps: [String: RowMap] = [:]
    for join in joins { maps[join.source] = try rowMap(join, split) }
    var parts: [SourcePart] = []
    var counts: [(String, Int)] = joins.compactMap { join in
      maps[join.source].map { ("join \(join.source)", $0.rows.count) }
    }
    for field in fields {
      guard let reference = sources.first(where: { $0.field == field.name }) else {
        throw PreparationError(.badRecipe, "field '\(field.name)' has no source")
      }
      var part = try self.part(reference, for: field)
      if let map = maps[reference.source] {
        part = try part.mapped(map, "split '\(split)': '\(reference.source)'")
      }
      counts.append((field.name, part.count))
      parts.append(part)
    }
    guard let count = counts.first?.1, counts.allSatisfy({ $0.1 == count }) else {
      let listed = counts.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
      throw PreparationError(
        .badData,
        "the sources of one split must have equally many samples, found \(listed);"
          + " check which files belong together")
    }
    let dropping = joins.filter { $0.unmatched == .drop }.compactMap { maps[$0.source] }
    return PlannedOrigin(
      parts: parts,
      rowMaps: fields.map { field in
        sources.first { $0.field == field.name }.flatMap { maps[$0.source]?.rows }
      },
      rows: (0..<count).filter { row in dropping.allSatisfy { $0.rows[row] >= 0 } }, count: count)
  }
}

/// A split that has sources of its own.
struct PlannedOrigin {
  /// The part of each field.
  let parts: [SourcePart]
  /// Where a join found the rows of each field; nil where row n is sample n.
  let rowMaps: [[Int]?]
  /// The samples that are kept.
  let rows: [Int]
  /// All samples.
  let count: Int

  /// The streams that lie side by side in all fields of a split, or nil where samples stand alone.
  ///
  /// - Parameter rows: the samples of the split; a stream goes on only where none is left out before its last.
  /// - Returns: how many there are.
  func streams(keeping rows: [Int]) -> Int? {
    let found = parts.map { part -> Int in
      guard case .rows(let rows) = part, let windows = rows as? CorpusRows else { return 0 }
      return windows.corpus.streams
    }
    guard let first = found.first, first > 0, found.allSatisfy({ $0 == first }),
      rows.count % first == 0, rows == Array(0..<rows.count)
    else { return nil }
    return first
  }
}

extension RecipeSource.Kind {
  /// The source that must be read before.
  var base: String? {
    switch self {
    case .corpus(let corpus): corpus.like
    case .concatenated(let source): source.source
    default: nil
    }
  }
}

extension RecipeConfiguration {
  /// The names of the splits that have sources of their own, in order.
  var splitsWithSources: [String] {
    splits.compactMap { if case .sources = $0.origin { $0.name } else { nil } }
  }
}
