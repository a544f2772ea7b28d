extension RecipeSource {
  /// Reads a source: the kind as a key with its paths, beside it the kind's options.
  init?(name: String, reading value: ValueReader) {
    let kinds = Vocabulary.sourceKinds.map(\.block)
    guard case .map(let entries) = value.node.content else {
      value.expected("a source, as in {idx: file.gz}")
      return nil
    }
    let keys = entries.map(\.key)
    let given = kinds.filter(keys.contains)
    guard given.count == 1,
      let section = Vocabulary.sourceKinds.first(where: { $0.block == given[0] })
    else {
      if given.count > 1 {
        value.fail("expected one kind of source, found \(given.joined(separator: " and "))")
      } else if let key = keys.first {
        value.fail(Spelling.unknown("kind of source", key, known: kinds))
      } else {
        value.expected("a kind of source (\(kinds.joined(separator: ", ")))")
      }
      return nil
    }
    self.init(name: name, kind: Kind(reading: MapReader(value, section)))
  }
}

extension RecipeSource.Kind {
  fileprivate init(reading map: MapReader) {
    func paths() -> [String] {
      map.required(map.section.block)?.texts("a file's path") ?? []
    }
    switch map.section.block {
    case "csv": self = .csv(paths: paths(), options: RecipeSource.CSVOptions(reading: map))
    case "cifar":
      self = .cifar(
        paths: paths(), height: map.optional("height")?.integer(1...4096) ?? 32,
        width: map.optional("width")?.integer(1...4096) ?? 32,
        labelBytes: map.optional("labelBytes")?.integer(1...2) ?? 1)
    case "npz":
      self = .npz(paths: paths(), array: map.required("array")?.text("an array's name") ?? "")
    case "text":
      self = .text(
        paths: paths(),
        badLines: map.optional("badLines")?.choice("rule", of: BadLines.self) ?? .skip,
        labels: map.optional("labels")?.flag() ?? false)
    case "corpus": self = .corpus(CorpusSource(reading: map))
    case "npy": self = .npy(paths: paths())
    case "hdf5":
      self = .hdf5(
        paths: paths(), dataset: map.required("dataset")?.text("a dataset's path") ?? "")
    case "synthetic": self.init(drawing: map)
    case "images": self = .files(FileCollection(.images, reading: map))
    case "sounds": self = .files(FileCollection(.sounds, reading: map))
    case "concatenated": self = .concatenated(ConcatenatedSource(reading: map))
    default: self = .idx(paths: paths())
    }
  }

  /// What is drawn rather than read.
  private init(drawing map: MapReader) {
    let samples = map.required("samples")?.integer(1...1_000_000_000) ?? 1
    let seed = map.optional("seed")?.seed() ?? 0
    let first = map.optional("first")?.count(from: 0) ?? 0
    let shape = map.optional("shape")?.sizes()
    let below = map.optional("below")?.integer(1...Int(UInt32.max))
    let value = map.required("synthetic")
    switch value?.text("a synthetic problem") {
    case "noise":
      self = .noise(
        NoiseSource(shape: shape ?? [], below: below, samples: samples, seed: seed, first: first))
      return
    case "glyphs":
      for key in ["shape", "below"] where map.has(key) {
        map.fail(key, "glyphs have shapes of their own; `\(key)` goes with `synthetic: noise`")
      }
    case let what?:
      value?.fail(Spelling.unknown("synthetic problem", what, known: ["glyphs", "noise"]))
    case nil: break
    }
    self = .glyphs(samples: samples, seed: seed, first: first)
  }
}

extension RecipeSource.CSVOptions {
  fileprivate init(reading map: MapReader) {
    var separator = ","
    if let value = map.optional("separator"), let text = value.text("one character") {
      separator = text
      if text.utf8.count != 1 || ["\"", "\n", "\r"].contains(text) {
        value.expected("one ASCII character other than a quote or line end")
      }
    }
    var missing: [String] = []
    if let value = map.optional("missing") {
      if case .scalar = value.node.content {
        missing = value.text("a text that means no value", mayBeEmpty: true).map { [$0] } ?? []
      } else {
        missing = value.textList("texts that mean no value", mayBeEmpty: true) ?? []
      }
    }
    self.init(
      separator: separator, header: map.optional("header")?.flag() ?? true,
      columns: map.optional("columns")?.distinctTexts("names of columns") ?? [],
      comment: map.optional("comment")?.text("the beginning of a comment line"),
      trim: map.optional("trim")?.flag() ?? true, missing: missing,
      extract: (map.optional("extract")?.named("new columns") ?? []).map { line in
        let inner = MapReader(line.value, Vocabulary.extract)
        return Extract(
          name: line.name, from: inner.required("from")?.text("a column") ?? "",
          pattern: inner.required("pattern")?.text("a regular expression") ?? "")
      })
  }
}

extension ValueReader {
  /// A list of texts of which none is given twice.
  func distinctTexts(_ what: String) -> [String]? {
    guard let elements = elements("a list of \(what)") else { return nil }
    var seen: Set<String> = []
    return elements.compactMap { element in
      guard let text = element.text() else { return nil }
      if !seen.insert(text).inserted { element.fail("`\(text)` is given twice") }
      return text
    }
  }
}
