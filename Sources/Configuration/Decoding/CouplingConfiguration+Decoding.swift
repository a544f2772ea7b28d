extension CouplingConfiguration {
  /// Reads `coupling`, between modalities of the names `known`.
  init?(reading value: ValueReader, modalities known: [String]) {
    guard let block = Block(value, sort: "coupling", known: Vocabulary.couplings) else {
      return nil
    }
    let isContrast = block.name == "infoNCE"
    let map = block.options(isContrast ? Vocabulary.infoNCE : Vocabulary.coral)
    guard let names = map.required("between").flatMap({ Self.pair($0, known) }) else { return nil }
    let layers = map.optional("projections").map { Self.projections($0, names) } ?? [:]
    let weight = map.optional("weight")?.number(.positive) ?? 1
    self.init(
      first: Side(modality: names[0], projection: layers[names[0]] ?? []),
      second: Side(modality: names[1], projection: layers[names[1]] ?? []),
      objective: isContrast ? .infoNCE(Contrast(reading: map)) : .coral, weight: weight)
  }

  /// Two different modalities.
  private static func pair(_ value: ValueReader, _ known: [String]) -> [String]? {
    guard let names = value.texts("two modalities") else { return nil }
    guard names.count == 2, names[0] != names[1] else {
      value.expected("two different modalities")
      return nil
    }
    for name in names where !known.contains(name) {
      value.fail(Spelling.unknown("modality", name, known: known))
      return nil
    }
    return names
  }

  /// Layers by modality.
  private static func projections(
    _ value: ValueReader, _ names: [String]
  ) -> [String: [LayerConfiguration]] {
    var layers: [String: [LayerConfiguration]] = [:]
    for entry in value.names("modalities with layers") ?? [] {
      guard names.contains(entry.name) else {
        entry.value.fail(Spelling.unknown("modality", entry.name, known: names))
        continue
      }
      layers[entry.name] = LayerConfiguration.list(entry.value)
    }
    return layers
  }
}

extension CouplingConfiguration.Contrast {
  fileprivate init(reading map: MapReader) {
    self.init(
      temperature: map.optional("temperature").map(CouplingConfiguration.Temperature.init(reading:))
        ?? .usual,
      maskSame: map.optional("maskSame")?.text("a field's name"),
      popularity: map.optional("popularity")?.text("a field's name"))
  }
}

extension CouplingConfiguration.Temperature {
  /// 0.07 at first and cosines times at most 100 (Radford and others, 2021).
  static let usual = Self.learned(initial: 0.07, maximumScale: 100)

  /// Reads a fixed number, or the settings of a learned one.
  init(reading value: ValueReader) {
    if case .scalar = value.node.content {
      self = .fixed(value.number(.positive) ?? 1)
      return
    }
    let map = MapReader(value, Vocabulary.temperature)
    let initial = map.optional("initial")?.number(.positive) ?? 0.07
    let most = map.optional("maximumScale")?.number(.positive) ?? 100
    self = .learned(initial: initial, maximumScale: most)
    if 1 / initial > most {
      map.fail(
        "initial",
        "expected at least \(1 / most), which is 1 / maximumScale, found \(initial)")
    }
  }
}
