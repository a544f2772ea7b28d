extension LayerConfiguration {
  /// Reads a list of layers.
  static func list(_ value: ValueReader?) -> [LayerConfiguration] {
    value?.elements("a list of layers")?.compactMap(LayerConfiguration.init(reading:)) ?? []
  }

  /// Reads one layer: a name, or a name with its options.
  init?(reading value: ValueReader) {
    guard
      let block = Block(
        value, sort: "layer", known: Vocabulary.layers)
    else { return nil }
    if let activation = Self.activation(block) {
      self = .activation(activation)
    } else if let layer = Self.sized(block) ?? Self.windowed(block) ?? Self.recurrent(block)
      ?? Self.nested(block) ?? Self.stepwise(block)
    {
      self = layer
    } else if let frontEnd = FrontEndConfiguration(block) {
      self = .frontEnd(frontEnd)
    } else {
      return nil
    }
  }

  private static func activation(_ block: Block) -> Activation? {
    switch block.name {
    case "relu":
      _ = block.options(Vocabulary.relu)
      return .relu
    case "gelu":
      _ = block.options(Vocabulary.gelu)
      return .gelu
    case "tanh":
      _ = block.options(Vocabulary.tanh)
      return .tanh
    case "sigmoid":
      _ = block.options(Vocabulary.sigmoid)
      return .sigmoid
    case "leakyRelu":
      let map = block.options(Vocabulary.leakyRelu, shorthand: "slope")
      return .leakyRelu(slope: map.optional("slope")?.number(.nonNegative) ?? 0.01)
    default: return nil
    }
  }

  /// The most microbatches that share statistics: members need a lane or a rank each.
  private static let largestGroup = 1024

  /// Layers that are one size or one number.
  private static func sized(_ block: Block) -> LayerConfiguration? {
    switch block.name {
    case "linear":
      let map = block.options(Vocabulary.linear, shorthand: "out")
      return .linear(
        out: map.required("out")?.size(from: 1) ?? 1, bias: map.optional("bias")?.flag() ?? true)
    case "dot":
      let map = block.options(Vocabulary.dot)
      let biases = map.optional("biases")?.flag() ?? false
      if !biases, map.has("offset") { map.fail("offset", "needs biases: true") }
      return .dot(biases: biases, offset: map.optional("offset")?.number(.any) ?? 0)
    case "batchNorm":
      let map = block.options(Vocabulary.batchNorm)
      return .batchNorm(
        momentum: map.optional("momentum")?.number(.fraction) ?? 0.1,
        epsilon: map.optional("epsilon")?.number(.positive) ?? 1e-5,
        sync: map.optional("sync")?.powerOfTwo(1...Self.largestGroup) ?? 1)
    case "layerNorm":
      let map = block.options(Vocabulary.layerNorm)
      return .layerNorm(epsilon: map.optional("epsilon")?.number(.positive) ?? 1e-5)
    case "dropout":
      let map = block.options(Vocabulary.dropout, shorthand: "rate")
      return .dropout(rate: map.required("rate")?.number(.share) ?? 0)
    case "embedding":
      let map = block.options(Vocabulary.embedding)
      let shard = map.optional("shard")?.flag() ?? false
      let rows = map.optional("rows")?.choice("rule", of: EmbeddingRows.self)
      if shard, rows == .dense { map.fail("rows", "expected lazy beside shard: true, found dense") }
      return .embedding(
        vocabulary: map.optional("vocabulary")?.integer(1...Int(Int32.max)),
        size: map.required("size")?.size(from: 1) ?? 1,
        deviation: map.optional("deviation")?.number(.positive) ?? 1,
        rows: shard ? .lazy : rows ?? .dense, shard: shard)
    case "globalAveragePool":
      _ = block.options(Vocabulary.globalAveragePool)
      return .globalAveragePool
    case "flatten":
      _ = block.options(Vocabulary.flatten)
      return .flatten
    default: return nil
    }
  }

  /// Layers that slide a window.
  private static func windowed(_ block: Block) -> LayerConfiguration? {
    switch block.name {
    case "conv":
      return .conv(ConvolutionConfiguration(reading: block.options(Vocabulary.conv)))
    case "conv1d":
      return .conv1d(ConvolutionConfiguration(reading1d: block.options(Vocabulary.conv1d)))
    case "maxPool":
      return .maxPool(
        PoolConfiguration(reading: block.options(Vocabulary.maxPool, shorthand: "size")))
    case "averagePool":
      return .averagePool(
        PoolConfiguration(reading: block.options(Vocabulary.averagePool, shorthand: "size")))
    default: return nil
    }
  }

  /// Layers that carry a state from step to step.
  private static func recurrent(_ block: Block) -> LayerConfiguration? {
    switch block.name {
    case "gru":
      return .recurrent(
        RecurrentConfiguration(readingGRU: block.options(Vocabulary.gru, shorthand: "hidden")))
    case "lstm":
      return .recurrent(
        RecurrentConfiguration(readingLSTM: block.options(Vocabulary.lstm, shorthand: "hidden")))
    default: return nil
    }
  }

  /// Layers made of layers.
  private static func nested(_ block: Block) -> LayerConfiguration? {
    switch block.name {
    case "residual":
      let map = block.options(Vocabulary.residual, shorthand: "layers")
      let layers = list(map.required("layers"))
      return .residual(layers: layers, shortcut: map.optional("shortcut").map { list($0) } ?? [])
    case "concat":
      let map = block.options(Vocabulary.concat, shorthand: "branches")
      let branches = map.required("branches")?.elements("a list of lists of layers") ?? []
      if branches.isEmpty, map.has("branches") {
        map.fail("branches", "expected at least one branch, each a list of layers")
      }
      return .concat(branches: branches.map { list($0) })
    default: return nil
    }
  }
}
