extension RecipeField {
  /// Reads a field by its modality.
  init?(name: String, reading value: ValueReader) {
    let kinds = Vocabulary.modalities.map(\.block)
    guard case .map = value.node.content else {
      value.expected("a field, as in {modality: image}")
      return nil
    }
    guard let modality = value.descend(["modality"]) else {
      value.fail("missing key `modality`, one of: \(kinds.joined(separator: ", "))")
      return nil
    }
    guard let text = modality.text("a modality") else { return nil }
    guard let section = Vocabulary.modalities.first(where: { $0.block == text }) else {
      modality.fail(Spelling.unknown("modality", text, known: kinds))
      return nil
    }
    let map = MapReader(value, section)
    switch text {
    case "image": self.init(name: name, modality: .image(ImageField(reading: map)))
    case "sound": self.init(name: name, modality: .sound(SoundField(reading: map)))
    case "label": self.init(name: name, modality: .label(LabelField(reading: map)))
    case "table": self.init(name: name, modality: .table(TableField(reading: map)))
    case "text": self.init(name: name, modality: .text(TextField(reading: map)))
    case "ids": self.init(name: name, modality: .ids)
    case "categories":
      self.init(name: name, modality: .categories(CategoriesField(reading: map)))
    case "row": self.init(name: name, modality: .row)
    default:
      self.init(
        name: name,
        modality: .value(
          shape: map.optional("shape")?.sizes(),
          normalize: map.optional("normalize")?.flag() ?? false,
          components: ComponentChoice(reading: map.optional("components"))))
    }
  }
}

extension ImageField {
  fileprivate init(reading map: MapReader) {
    var shape: [Int]?
    if let value = map.optional("shape"), let sizes = value.sizes() {
      shape = sizes
      if sizes.count != 3 { value.fail("expected [height, width, channels], found \(sizes)") }
    }
    self.init(
      shape: shape, resize: map.optional("resize")?.pair(from: 1),
      crop: map.optional("crop")?.choice("crop", of: Crop.self),
      normalize: map.optional("normalize")?.flag() ?? true,
      components: ComponentChoice(reading: map.optional("components")))
  }
}

extension LabelField {
  fileprivate init(reading map: MapReader) {
    let classes = map.optional("classes")?.distinctTexts("names of classes") ?? []
    if classes.isEmpty, map.has("classes") {
      map.fail("classes", "expected at least one name; leave the key out to infer them")
    }
    let pairs = map.optional("mapping")?.named("texts to classes") ?? []
    self.init(
      classes: classes, strip: map.optional("strip")?.text("characters", mayBeEmpty: true) ?? "",
      mapping: pairs.compactMap { line in
        line.value.text("a class's name").map { Pair(text: line.name, className: $0) }
      })
    guard !classes.isEmpty else { return }
    for line in pairs {
      guard let name = line.value.text(), !classes.contains(name) else { continue }
      line.value.fail(Spelling.unknown("class", name, known: classes))
    }
  }
}

extension TableField {
  fileprivate init(reading map: MapReader) {
    self.init(
      numeric: map.optional("numeric")?.distinctTexts("names of columns"),
      categorical: map.optional("categorical")?.distinctTexts("names of columns") ?? [],
      log: map.optional("log")?.distinctTexts("names of columns") ?? [],
      standardize: map.optional("standardize")?.flag() ?? true,
      missing: map.optional("missing")?.choice("rule", of: MissingNumber.self),
      missingCategory: map.optional("missingCategory")?.choice("rule", of: MissingCategory.self)
        ?? .category,
      quantile: map.optional("quantile")?.distinctTexts("names of columns") ?? [],
      minimumCount: map.optional("minimumCount")?.count(from: 1) ?? 1,
      lists: (map.optional("lists")?.named("columns and separators") ?? []).compactMap { line in
        line.value.text("a separator").map { List(column: line.name, separator: $0) }
      })
    for name in categorical where numeric?.contains(name) == true {
      map.fail("categorical", "`\(name)` is among numeric too")
    }
    for (key, names) in [("log", log), ("quantile", quantile)] {
      for name in names where numeric.map({ !$0.contains(name) }) ?? !categorical.isEmpty {
        map.fail(key, Spelling.unknown("numeric column", name, known: numeric ?? []))
      }
    }
    for name in quantile where log.contains(name) {
      map.fail("quantile", "`\(name)` is among log too")
    }
    for list in lists
    where (numeric ?? []).contains(list.column) || categorical.contains(list.column) {
      map.fail("lists", "`\(list.column)` is among numeric or categorical too")
    }
  }
}

extension ValueReader {
  /// A list of at least one size.
  func sizes() -> [Int]? {
    guard let elements = elements("a list of sizes") else { return nil }
    if elements.isEmpty { fail("expected at least one size, found an empty list") }
    return elements.compactMap { $0.size(from: 1) }
  }
}
