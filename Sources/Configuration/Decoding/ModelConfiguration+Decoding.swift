extension ModelConfiguration {
  /// Reads `modalities`, `fusion`, `missing` and `heads`.
  init(reading map: MapReader) {
    let modalities = map.required("modalities")?.someNames("modality", "modalities") ?? []
    let heads = map.required("heads")?.someNames("head", "heads") ?? []
    self.init(
      modalities: modalities.map { ModalityConfiguration(name: $0.name, reading: $0.value) },
      fusion: map.optional("fusion").flatMap(FusionConfiguration.init(reading:)) ?? .concat,
      missing: map.optional("missing").map(MissingConfiguration.init(reading:))
        ?? MissingConfiguration(),
      heads: heads.map { HeadConfiguration(name: $0.name, reading: $0.value) })
  }
}

extension ModalityConfiguration {
  init(name: String, reading value: ValueReader) {
    let map = MapReader(value, Vocabulary.modality)
    self.init(
      name: name, field: map.required("field")?.text("a field's name") ?? "",
      encoder: LayerConfiguration.list(map.required("encoder")))
  }
}

extension HeadConfiguration {
  /// The word for the fusion in `from`.
  static let fusion = "fusion"

  init(name: String, reading value: ValueReader) {
    let map = MapReader(value, Vocabulary.head)
    let source = map.optional("from")?.text("fusion or a modality's name")
    self.init(
      name: name, source: source == Self.fusion ? nil : source,
      layers: LayerConfiguration.list(map.required("layers")),
      loss: map.required("loss").flatMap(LossConfiguration.init(reading:)) ?? .meanSquaredError,
      target: map.required("target")?.text("a field's name") ?? "",
      weight: map.optional("weight")?.number(.positive) ?? 1,
      weights: map.optional("weights")?.text("a field's name"))
  }
}
