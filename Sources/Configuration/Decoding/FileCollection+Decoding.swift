extension FileCollection {
  /// Reads the map behind `images` or `sounds`.
  init(_ content: Content, reading map: MapReader) {
    let collection = MapReader(
      map.required(content.rawValue) ?? map.value, Vocabulary.files)
    let place: Place
    switch collection.exactlyOne(["folder", "archive", "csv"]) {
    case "archive":
      place = .archive(collection.optional("archive")?.text("a file's path") ?? "")
    case "csv":
      place = .list(
        collection.optional("csv")?.text("a file's path") ?? "",
        path: collection.required("path")?.text("a column's name") ?? "",
        label: collection.optional("label")?.text("a column's name"))
    default: place = .folder(collection.optional("folder")?.text("a folder's path") ?? "")
    }
    self.init(
      content: content, place: place,
      within: collection.optional("within")?.text("a folder's path"),
      pattern: collection.optional("pattern")?.pattern(),
      badFiles: collection.optional("badFiles")?.choice("rule", of: BadFiles.self) ?? .skip)
    check(collection)
  }

  /// Keys that do not go with the place.
  private func check(_ map: MapReader) {
    var wrong: [String] = []
    switch place {
    case .folder: wrong = ["within", "path", "label"]
    case .archive: wrong = ["path", "label"]
    case .list: wrong = ["pattern"]
    }
    for key in wrong where map.has(key) {
      let wanted =
        key == "pattern" ? "folder or archive" : key == "within" ? "archive or csv" : "csv"
      map.fail(key, "goes with \(wanted)")
    }
  }
}

extension SoundField {
  /// Reads the options of a sound.
  init(reading map: MapReader) {
    var length: Length?
    if let value = map.optional("seconds"), let seconds = value.number(.positive) {
      length = .seconds(seconds)
    }
    if let value = map.optional("frames"), let frames = value.count(from: 1) {
      if map.has("seconds") { value.fail("give seconds or frames, not both") }
      length = .frames(frames)
    }
    self.init(
      rate: map.optional("rate")?.integer(1...384_000), length: length,
      scale: map.optional("scale")?.choice("scale", of: Scale.self) ?? .unit,
      noise: SoundNoise(reading: map.optional("noise")))
  }
}

extension RecipeCondition {
  /// Reads `where`, a map of references to what is accepted.
  static func list(reading value: ValueReader) -> [RecipeCondition] {
    let lines = value.named("parts of sources, as in {files.index: 5...49}") ?? []
    return lines.compactMap { line in
      let halves = line.name.split(separator: ".", maxSplits: 1).map(String.init)
      guard halves.count == 2 else {
        line.value.fail("expected SOURCE.part, found `\(line.name)`")
        return nil
      }
      if case .scalar = line.value.node.content {
        guard let text = line.value.text("a text, a range as in 5...49, or a list of texts")
        else { return nil }
        let accepted = Accepted(range: text) ?? .texts([text])
        if text.contains("..."), case .texts = accepted {
          line.value.fail("expected a range of whole numbers, as in 5...49, found \(text)")
        }
        return RecipeCondition(source: halves[0], part: halves[1], accepted: accepted)
      }
      return line.value.distinctTexts("texts").map {
        RecipeCondition(source: halves[0], part: halves[1], accepted: .texts($0))
      }
    }
  }
}

extension ValueReader {
  /// A pattern of paths.
  fileprivate func pattern() -> FilePattern? {
    guard let text = text("a pattern, as in {label}/{index}.wav") else { return nil }
    guard let pattern = FilePattern(text) else {
      fail(
        "expected named parts in braces with text between them, as in {label}/{speaker}_{index}.wav"
          + " (`path` is taken), found \(text)")
      return nil
    }
    return pattern
  }
}
