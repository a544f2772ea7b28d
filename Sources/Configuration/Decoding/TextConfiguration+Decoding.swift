extension TokenConfiguration {
  /// Reads `words` or `{words: {…}}`.
  init?(reading value: ValueReader) {
    guard
      let block = Block(value, sort: "kind of tokens", known: Vocabulary.tokenKinds),
      let section = Vocabulary.tokenKinds.first(where: { $0.block == block.name })
    else { return nil }
    let map = block.options(section)
    switch block.name {
    case "characters":
      self = .characters(minimumCount: map.optional("minimumCount")?.count(from: 1) ?? 1)
    case "hashedNgrams":
      self = .hashedNgrams(
        n: map.optional("n")?.integer(1...16) ?? 2,
        buckets: map.required("buckets")?.size(from: 1) ?? 1,
        WordOptions(
          split: map.optional("split")?.choice("way to split", of: WordSplit.self) ?? .punctuation,
          lowercase: map.optional("lowercase")?.flag() ?? false))
    case "bytePairs":
      self = .bytePairs(
        vocabulary: map.required("vocabulary")?.integer(256...65536) ?? 256,
        lowercase: map.optional("lowercase")?.flag() ?? false)
    default:
      self = .words(
        WordOptions(
          split: map.optional("split")?.choice("way to split", of: WordSplit.self) ?? .punctuation,
          lowercase: map.optional("lowercase")?.flag() ?? false,
          minimumCount: map.optional("minimumCount")?.count(from: 1) ?? 1,
          vocabulary: map.optional("vocabulary")?.size(from: 2)))
    }
  }
}

extension TextField {
  init(reading map: MapReader) {
    self.init(
      tokens: map.optional("tokens").flatMap { TokenConfiguration(reading: $0) } ?? .words(.init()),
      maxLength: map.optional("maxLength")?.size(from: 1))
  }
}

extension CorpusSource {
  init(reading map: MapReader) {
    let paths = map.required("corpus")?.texts("a file's path") ?? []
    var share = [0.0, 1.0]
    if let value = map.optional("share"), let numbers = value.numberList(.unit) {
      share = numbers
      if numbers.count != 2 || numbers[0] >= numbers[1] {
        value.fail("expected [from, to] with from below to, as in [0, 0.9]")
        share = [0, 1]
      }
    }
    let streams = map.optional("streams")?.size(from: 1) ?? 0
    if let like = map.optional("like") {
      for key in ["tokens", "length", "stride"] where map.has(key) {
        map.fail(key, "is taken from `like`; leave it out")
      }
      self.init(
        paths: paths, share: share, streams: streams, like: like.text("a source's name"))
      return
    }
    let length = map.required("length")?.size(from: 1) ?? 1
    let stride = map.optional("stride")?.size(from: 1) ?? length
    if streams > 0, stride != length {
      map.fail("stride", "must be the length where there are streams")
    }
    let tokens = map.optional("tokens").flatMap { TokenConfiguration(reading: $0) }
    if case .hashedNgrams = tokens {
      map.fail("tokens", "hashedNgrams are for whole documents; choose another kind of tokens")
    }
    self.init(
      paths: paths, share: share, tokens: tokens ?? .characters(minimumCount: 1), length: length,
      stride: stride, streams: streams)
  }
}

extension CategoriesField {
  init(reading map: MapReader) {
    self.init(
      columns: map.optional("columns")?.distinctTexts("names of columns") ?? [],
      minimumCount: map.optional("minimumCount")?.count(from: 1) ?? 1)
  }
}

extension RecipeJoin {
  /// Reads `{on: …, to: …}` of a source.
  init(source: String, reading value: ValueReader) {
    let map = MapReader(value, Vocabulary.join)
    func reference(_ key: String) -> RecipeSplit.FieldSource {
      RecipeSplit.FieldSource(
        field: key, reference: map.required(key)?.text("a source, as in NAME or NAME.part") ?? "")
    }
    self.init(
      source: source, on: reference("on"), to: reference("to"), seed: map.optional("seed")?.seed(),
      unmatched: map.optional("unmatched")?.choice("rule", of: Unmatched.self) ?? .keep,
      conditions: map.optional("where").map { RecipeCondition.list(reading: $0) } ?? [])
    for condition in conditions where condition.source != source {
      map.fail("where", "expected parts of `\(source)`, found `\(condition.source)`")
    }
  }
}

extension RecipeAbsence {
  /// Reads `{fraction: …, seed: …}` of a field.
  init(field: String, reading value: ValueReader) {
    let map = MapReader(value, Vocabulary.absence)
    self.init(
      field: field, fraction: map.required("fraction")?.number(.open) ?? 0.5,
      seed: map.optional("seed")?.seed() ?? 0,
      splits: map.optional("splits")?.distinctTexts("names of splits") ?? [])
  }
}
