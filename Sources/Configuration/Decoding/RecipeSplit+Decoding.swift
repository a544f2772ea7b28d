extension RecipeSplit {
  /// Reads a split: fields with their sources, or `from` another split.
  init(name: String, reading value: ValueReader) {
    guard case .map(let entries) = value.node.content else {
      value.expected("a map, as in {image: images, label: labels} or {from: train, fraction: 0.1}")
      self.init(name: name, origin: .sources([]))
      return
    }
    let derived = ["from", "fraction", "folds", "fold", "seed"]
    if entries.contains(where: { derived.contains($0.key) }) {
      let map = MapReader(value, Vocabulary.derivedSplit)
      self.init(name: name, origin: Origin(derived: map), limit: Self.limit(map.optional("limit")))
      return
    }
    var limit: Int?
    var conditions: [RecipeCondition] = []
    var fields: [FieldSource] = []
    for (field, source) in value.names("fields") ?? [] {
      if field == "limit" {
        limit = Self.limit(source)
      } else if field == "where" {
        conditions = RecipeCondition.list(reading: source)
      } else if let text = source.text("a source, as in NAME or NAME.part") {
        fields.append(FieldSource(field: field, reference: text))
      }
    }
    if fields.isEmpty { value.fail("expected a source for each field, as in {image: images}") }
    self.init(name: name, origin: .sources(fields), limit: limit, conditions: conditions)
  }

  private static func limit(_ value: ValueReader?) -> Int? { value?.count(from: 1) }
}

extension RecipeSplit.Origin {
  fileprivate init(derived map: MapReader) {
    let from = map.required("from")?.text("a split's name") ?? ""
    let seed = map.optional("seed")?.seed() ?? 0
    guard map.exactlyOne(["fraction", "folds"]) == "folds" else {
      if map.has("fold") { map.fail("fold", "goes with folds, which is missing") }
      self = .fraction(
        from: from, fraction: map.optional("fraction")?.number(.open) ?? 0.5, seed: seed)
      return
    }
    let folds = map.optional("folds")?.integer(2...1_000_000) ?? 2
    self = .fold(
      from: from, folds: folds, fold: map.required("fold")?.integer(0...folds - 1) ?? 0, seed: seed)
  }
}
