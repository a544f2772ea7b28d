extension ModelConfiguration {
  /// Reads `modalities`, `fusion` and `heads`.
  init(reading map: MapReader) {
    let modalities = map.required("modalities")?.someNames("modality", "modalities") ?? []
    let heads = map.required("heads")?.someNames("head", "heads") ?? []
    self.init(
      modalities: modalities.map { ModalityConfiguration(name: $0.name, reading: $0.value) },
      fusion: map.optional("fusion").flatMap(FusionConfiguration.init(reading:)) ?? .concat,
      heads: heads.map { HeadConfiguration(name: $0.name, reading: $0.value) })
  }
}

extension FusionConfiguration {
  init?(reading value: ValueReader) {
    guard
      let block = Block(
        value, sort: "fusion", known: Vocabulary.fusions, later: Vocabulary.laterFusions)
    else { return nil }
    _ = block.options(Vocabulary.fusions[0])
    self = .concat
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
  init(name: String, reading value: ValueReader) {
    let map = MapReader(value, Vocabulary.head)
    self.init(
      name: name, layers: LayerConfiguration.list(map.required("layers")),
      loss: map.required("loss").flatMap(LossConfiguration.init(reading:)) ?? .meanSquaredError,
      target: map.required("target")?.text("a field's name") ?? "",
      weight: map.optional("weight")?.number(.positive) ?? 1,
      weights: map.optional("weights")?.text("a field's name"))
  }
}
