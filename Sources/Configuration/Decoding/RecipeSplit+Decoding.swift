extension RecipeSplit {
  /// Reads a split: fields with their sources, or `from` another split.
  init(name: String, reading value: ValueReader) {
    guard case .map(let entries) = value.node.content else {
      value.expected("a map, as in {image: images, label: labels} or {from: train, fraction: 0.1}")
      self.init(name: name, origin: .sources([]))
      return
    }
    let derived = Vocabulary.derivedSplit.keys.filter { $0 != "limit" }
    if entries.contains(where: { derived.contains($0.key) }) {
      let map = MapReader(value, Vocabulary.derivedSplit)
      self.init(name: name, origin: Origin(derived: map), limit: Self.limit(map.optional("limit")))
      return
    }
    var (skip, limit): (Int, Int?) = (0, nil)
    var conditions: [RecipeCondition] = []
    var joins: [RecipeJoin] = []
    var fields: [FieldSource] = []
    for (field, source) in value.names("fields") ?? [] {
      if field == "limit" {
        limit = Self.limit(source)
      } else if field == "skip" {
        skip = source.count(from: 0) ?? 0
      } else if field == "where" {
        conditions = RecipeCondition.list(reading: source)
      } else if field == "join" {
        joins = (source.names("sources") ?? []).map {
          RecipeJoin(source: $0.name, reading: $0.value)
        }
      } else if let text = source.text("a source, as in NAME or NAME.part") {
        fields.append(FieldSource(field: field, reference: text))
      }
    }
    if fields.isEmpty { value.fail("expected a source for each field, as in {image: images}") }
    self.init(
      name: name, origin: .sources(fields), skip: skip, limit: limit, conditions: conditions,
      joins: joins)
  }

  private static func limit(_ value: ValueReader?) -> Int? { value?.count(from: 1) }
}

extension RecipeSplit.Origin {
  fileprivate init(derived map: MapReader) {
    let from = map.required("from")?.text("a split's name") ?? ""
    let seed = map.optional("seed")?.seed() ?? 0
    func reference(_ key: String) -> RecipeSplit.FieldSource {
      RecipeSplit.FieldSource(
        field: key, reference: map.required(key)?.text("a source, as in NAME or NAME.part") ?? "")
    }
    let rule = Self.rule(map)
    for (key, partner) in [
      ("fold", "folds"), ("remainder", "modulo"), ("of", "last"),
    ] where map.has(key) && rule != partner {
      map.fail(key, "goes with \(partner), which is missing")
    }
    if map.has("by"), rule != "latest", rule != "last" {
      map.fail("by", "goes with latest or last, which are missing")
    }
    switch rule {
    case "folds":
      let folds = map.optional("folds")?.integer(2...1_000_000) ?? 2
      self = .fold(
        from: from, folds: folds, fold: map.required("fold")?.integer(0...folds - 1) ?? 0,
        seed: seed)
    case "modulo":
      let modulo = map.optional("modulo")?.integer(2...1_000_000) ?? 2
      self = .modulo(
        from: from, modulo: modulo,
        remainder: map.required("remainder")?.integer(0...modulo - 1) ?? 0)
    case "latest":
      self = .latest(
        from: from, share: map.optional("latest")?.number(.open) ?? 0.5, by: reference("by"))
    case "last":
      self = .last(
        from: from, count: map.optional("last")?.count(from: 1) ?? 1, of: reference("of"),
        by: reference("by"))
    default:
      self = .fraction(
        from: from, fraction: map.optional("fraction")?.number(.open) ?? 0.5, seed: seed)
    }
  }

  /// The one rule that is given; another number of them is noted.
  private static func rule(_ map: MapReader) -> String? {
    let rules = ["fraction", "folds", "modulo", "latest", "last"]
    let given = rules.filter(map.has)
    if given.count == 1 { return given[0] }
    if Set(given).isSubset(of: ["fraction", "folds"]) {
      return map.exactlyOne(["fraction", "folds"])
    }
    map.value.fail(
      "expected one of \(rules.joined(separator: ", ")), found \(given.joined(separator: " and "))"
        + " (`--set KEY=null` takes one away)")
    return given[0]
  }
}
