extension ModelConfiguration {
  /// Reads `modalities`, `mixup`, `fusion`, `missing`, `coupling` and `heads`.
  init(reading map: MapReader) {
    let modalities = map.required("modalities")?.someNames("modality", "modalities") ?? []
    // With a coupling there is something to learn without heads.
    let written = map.has("coupling") ? map.optional("heads") : map.required("heads")
    let heads = written?.someNames("head", "heads") ?? []
    let coupling = map.optional("coupling").flatMap {
      CouplingConfiguration(reading: $0, modalities: modalities.map(\.name))
    }
    if coupling?.objective == .coral, heads.isEmpty {
      map.fail(
        "coupling", "coral alone is least where all vectors are equal; give a head beside it")
    }
    let taken = heads.first { $0.name == CouplingConfiguration.resultName }
    if map.has("coupling"), let taken {
      taken.value.fail("a head beside a coupling may not be called `\(taken.name)`; rename it")
    }
    self.init(
      modalities: modalities.map { ModalityConfiguration(name: $0.name, reading: $0.value) },
      fusion: map.optional("fusion").flatMap(FusionConfiguration.init(reading:)) ?? .concat,
      missing: map.optional("missing").map(MissingConfiguration.init(reading:))
        ?? MissingConfiguration(),
      heads: heads.map { HeadConfiguration(name: $0.name, reading: $0.value) },
      coupling: coupling, mixup: map.optional("mixup").flatMap(MixupConfiguration.init(reading:)))
  }
}

extension MixupConfiguration {
  fileprivate init?(reading value: ValueReader) {
    guard let alpha = MapReader(value, Vocabulary.mixup).required("alpha")?.number(.positive)
    else { return nil }
    self.init(alpha: alpha)
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
    let loss = map.required("loss").flatMap(LossConfiguration.init(reading:)) ?? .meanSquaredError
    if loss.comparesNegatives {
      for key in ["target", "weights"] where map.has(key) {
        map.fail(key, "\(loss.keyword) compares with negatives that are drawn; leave it out")
      }
    }
    let target = loss.comparesNegatives ? map.optional("target") : map.required("target")
    self.init(
      name: name, source: source == Self.fusion ? nil : source,
      layers: LayerConfiguration.list(map.required("layers")), loss: loss,
      target: target?.text("a field's name") ?? "",
      weight: map.optional("weight")?.number(.positive) ?? 1,
      weights: map.optional("weights")?.text("a field's name"))
  }
}
