extension LayerConfiguration {
  /// Layers over the steps of sequences.
  static func stepwise(_ block: Block) -> LayerConfiguration? {
    switch block.name {
    case "pool":
      let map = block.options(Vocabulary.pool, shorthand: "kind")
      return .pool(map.required("kind")?.choice("kind of pool", of: StepPool.self) ?? .mean)
    case "positional":
      let map = block.options(Vocabulary.positional, shorthand: "kind")
      return .positional(PositionalConfiguration(reading: map))
    case "attention":
      let map = block.options(Vocabulary.attention, shorthand: "heads")
      return .attention(AttentionConfiguration(reading: map))
    case "transformer":
      return .transformer(TransformerConfiguration(reading: block.options(Vocabulary.transformer)))
    case "toSequence":
      let map = block.options(Vocabulary.toSequence, shorthand: "by")
      return .toSequence(map.required("by")?.choice("order", of: StepOrder.self) ?? .pixel)
    case "featureTokens":
      let map = block.options(Vocabulary.featureTokens, shorthand: "size")
      return .featureTokens(size: map.required("size")?.size(from: 1) ?? 1)
    case "classToken":
      _ = block.options(Vocabulary.classToken)
      return .classToken
    case "tokenDropout":
      let map = block.options(Vocabulary.tokenDropout, shorthand: "rate")
      return .tokenDropout(rate: map.required("rate")?.number(.share) ?? 0)
    default: return nil
    }
  }
}

extension PositionalConfiguration {
  private enum Kind: String, CaseIterable {
    case sinusoidal, learned
  }

  fileprivate init(reading map: MapReader) {
    switch map.required("kind")?.choice("kind of positional", of: Kind.self) {
    case .learned: self = .learned(length: map.required("length")?.size(from: 1) ?? 1)
    case .sinusoidal, nil:
      self = .sinusoidal
      if map.has("length") {
        map.fail("length", "`length` belongs to the kind learned; leave it out")
      }
    }
  }
}

extension AttentionConfiguration {
  fileprivate init(reading map: MapReader) {
    self.init(
      heads: map.required("heads")?.size(from: 1) ?? 1,
      headSize: map.optional("headSize")?.size(from: 1),
      causal: map.optional("causal")?.flag() ?? false,
      dropout: map.optional("dropout")?.number(.share) ?? 0,
      bias: map.optional("bias")?.flag() ?? true)
  }
}

extension TransformerConfiguration {
  /// The most blocks of a transformer.
  private static let deepest = 1024

  fileprivate init(reading map: MapReader) {
    self.init(
      layers: map.required("layers")?.integer(1...Self.deepest) ?? 1,
      heads: map.required("heads")?.size(from: 1) ?? 1,
      headSize: map.optional("headSize")?.size(from: 1),
      hidden: map.optional("hidden")?.size(from: 1),
      causal: map.optional("causal")?.flag() ?? false,
      dropout: map.optional("dropout")?.number(.share) ?? 0,
      activation: map.optional("activation")?.choice("activation", of: Activation.self) ?? .gelu)
  }
}
