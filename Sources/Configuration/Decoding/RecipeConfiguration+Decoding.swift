extension RecipeConfiguration {
  /// Reads a recipe file.
  ///
  /// - Parameters:
  ///   - path: the YAML file.
  ///   - overrides: `key.path=value` each, applied in order before decoding; values are YAML.
  /// - Returns: the recipe with defaults filled in.
  /// - Throws: ``ConfigurationError`` with everything that is wrong.
  public static func load(path: String, overrides: [String] = []) throws -> RecipeConfiguration {
    try decode(yaml: DocumentFile.text(path: path), name: path, overrides: overrides)
  }

  /// Reads a recipe from its text.
  ///
  /// - Parameters:
  ///   - yaml: the text.
  ///   - name: names the text in messages, as a file's name does.
  ///   - overrides: `key.path=value` each, applied in order before decoding; values are YAML.
  /// - Returns: the recipe with defaults filled in.
  /// - Throws: ``ConfigurationError`` with everything that is wrong.
  public static func decode(
    yaml: String, name: String, overrides: [String] = []
  ) throws -> RecipeConfiguration {
    let problems = Problems()
    let root = try DocumentNode.document(
      yaml: yaml, name: name, overrides: overrides, into: problems)
    let map = MapReader(
      ValueReader(node: root, path: "", problems: problems), Vocabulary.recipeTop)
    let recipe = RecipeConfiguration(reading: map)
    if problems.count == 0 { recipe.check(map) }
    try problems.throwIfAny(name: name)
    return recipe
  }

  private init(reading map: MapReader) {
    var splits: [RecipeSplit] = []
    if let value = map.required("splits") {
      let section = MapReader(value, Vocabulary.recipeSplits)
      _ = section.required("train")
      splits = (value.named("splits") ?? [])
        .filter { Vocabulary.recipeSplits.keys.contains($0.name) }
        .map { RecipeSplit(name: $0.name, reading: $0.value) }
    }
    self.init(
      name: map.required("name")?.name() ?? "",
      sources: (map.required("sources")?.someNames("source", "sources") ?? []).compactMap {
        RecipeSource(name: $0.name, reading: $0.value)
      },
      splits: splits,
      fields: (map.required("fields")?.someNames("field", "fields") ?? []).compactMap {
        RecipeField(name: $0.name, reading: $0.value)
      },
      missing: (map.optional("missing")?.named("fields") ?? []).map {
        RecipeAbsence(field: $0.name, reading: $0.value)
      })
  }

  /// Fields are not named like words of splits, and only fields are taken away.
  private func checkNames(_ map: MapReader, _ fieldNames: [String]) {
    let words = Vocabulary.derivedSplit.keys + Vocabulary.sourcesSplit.keys
    for name in fieldNames where words.contains(name) {
      map.value.descend(["fields", name])?.fail(
        "`\(name)` is a word of splits; choose another name")
    }
    for absence in missing where !fieldNames.contains(absence.field) {
      map.value.descend(["missing", absence.field])?
        .fail(Spelling.unknown("field", absence.field, known: fieldNames))
    }
  }

  /// Rules between sections: splits name sources, fields and each other.
  private func check(_ map: MapReader) {
    let sourceNames = sources.map(\.name)
    let fieldNames = fields.map(\.name)
    checkNames(map, fieldNames)
    for case (let name, .concatenated(let source)) in sources.map({ ($0.name, $0.kind) }) {
      map.value.descend(["sources", name]).map { source.check($0, sources) }
    }
    for split in splits {
      guard let value = map.value.descend(["splits", split.name]) else { continue }
      switch split.origin {
      case .sources(let list):
        check(list, of: split, sourceNames, fieldNames, value)
      case .fraction(let from, _, _), .fold(let from, _, _, _), .modulo(let from, _, _):
        check(from: from, of: split.name, value)
      case .latest(let from, _, let by):
        check(from: from, of: split.name, value)
        check(["by": by], sourceNames, value)
      case .last(let from, _, let of, let by):
        check(from: from, of: split.name, value)
        check(["by": by, "of": of], sourceNames, value)
      }
    }
  }

  /// Fields, conditions and joins of a split name what there is.
  private func check(
    _ list: [RecipeSplit.FieldSource], of split: RecipeSplit, _ sourceNames: [String],
    _ fieldNames: [String], _ value: ValueReader
  ) {
    for reference in list {
      if !sourceNames.contains(reference.source) {
        value.descend([reference.field])?
          .fail(Spelling.unknown("source", reference.source, known: sourceNames))
      }
      if !fieldNames.contains(reference.field) {
        value.descend([reference.field])?
          .fail(Spelling.unknown("field", reference.field, known: fieldNames))
      }
    }
    for condition in split.conditions
    where !list.contains(where: { $0.source == condition.source }) {
      value.descend(["where"])?.fail(
        Spelling.unknown("source", condition.source, known: list.map(\.source)))
    }
    for name in fieldNames where !list.contains(where: { $0.field == name }) {
      value.fail("missing field `\(name)`; each split gives every field a source")
    }
    for join in split.joins {
      for (key, name) in [
        (nil, join.source), ("on", join.on.source), ("to", join.to.source),
      ] where !sourceNames.contains(name) {
        value.descend(["join", join.source] + (key.map { [$0] } ?? []))?
          .fail(Spelling.unknown("source", name, known: sourceNames))
      }
    }
  }

  private func check(
    _ references: KeyValuePairs<String, RecipeSplit.FieldSource>, _ known: [String],
    _ value: ValueReader
  ) {
    for (key, reference) in references where !known.contains(reference.source) {
      value.descend([key])?.fail(Spelling.unknown("source", reference.source, known: known))
    }
  }

  private func check(from: String, of split: String, _ value: ValueReader) {
    let whole = splits.filter { if case .sources = $0.origin { true } else { false } }.map(\.name)
    guard !whole.contains(from) else { return }
    value.descend(["from"])?.fail(
      "expected a split with sources of its own (\(whole.joined(separator: ", "))), found \(from)")
  }
}

extension DocumentNode {
  /// The document of a text with overrides applied; throws where there is none.
  static func document(
    yaml: String, name: String, overrides: [String], into problems: Problems
  ) throws -> DocumentNode {
    guard var root = parse(yaml: yaml, into: problems) else {
      try problems.throwIfAny(name: name)
      throw ConfigurationError(
        code: .invalid, name: name,
        problems: [.init(path: "", line: nil, override: nil, message: "not a document")])
    }
    for override in overrides { root.apply(override: override, into: problems) }
    return root
  }
}
