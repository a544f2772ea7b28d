extension LayerConfiguration {
  /// The layer with all its options.
  var canonical: CanonicalWriter.Value {
    switch self {
    case .linear(let out, let bias):
      return Self.block("linear", [("out", .number(out)), ("bias", .flag(bias))])
    case .dot(let biases, let offset):
      return Self.block(
        "dot",
        [("biases", .flag(biases))] + (biases ? [("offset", .number(offset))] : []))
    case .conv(let geometry):
      return Self.block("conv", geometry.canonical { .numbers($0) })
    case .conv1d(let geometry):
      return Self.block("conv1d", geometry.canonical { .number($0[1]) })
    case .batchNorm(let momentum, let epsilon, let sync):
      // Left out where it is off, so that the identity of such a run does not depend on the key.
      return Self.block(
        "batchNorm",
        [("momentum", .number(momentum)), ("epsilon", .number(epsilon))]
          + (sync == 1 ? [] : [("sync", .number(sync))]))
    case .layerNorm(let epsilon): return Self.block("layerNorm", [("epsilon", .number(epsilon))])
    case .activation(let activation): return activation.canonical
    case .dropout(let rate): return Self.block("dropout", [("rate", .number(rate))])
    case .maxPool(let window): return Self.block("maxPool", window.canonical)
    case .averagePool(let window): return Self.block("averagePool", window.canonical)
    case .globalAveragePool: return .text("globalAveragePool")
    case .flatten: return .text("flatten")
    case .residual(let layers, let shortcut):
      return Self.block(
        "residual",
        [
          ("layers", .list(layers.map(\.canonical))),
          ("shortcut", .list(shortcut.map(\.canonical))),
        ])
    case .concat(let branches):
      return Self.block(
        "concat", [("branches", .list(branches.map { .list($0.map(\.canonical)) }))])
    case .embedding(let vocabulary, let size, let deviation):
      // The deviation is left out where it is 1, so that the identity of such a run does not depend on it.
      return Self.block(
        "embedding",
        (vocabulary.map { [("vocabulary", .number($0))] } ?? []) + [("size", .number(size))]
          + (deviation == 1 ? [] : [("deviation", .number(deviation))]))
    case .recurrent(let stack): return Self.block(stack.keyword, stack.canonicalOptions)
    case .pool, .positional, .attention, .transformer, .toSequence, .featureTokens, .classToken,
      .tokenDropout, .frontEnd:
      guard let value = stepwiseCanonical else { preconditionFailure("a layer without a name") }
      return value
    }
  }

  /// A layer's name with its options.
  static func block(
    _ name: String, _ options: [(String, CanonicalWriter.Value)]
  ) -> CanonicalWriter.Value {
    .inline([(name, .inline(options))])
  }
}

extension LayerConfiguration.Activation {
  fileprivate var canonical: CanonicalWriter.Value {
    switch self {
    case .relu: .text("relu")
    case .leakyRelu(let slope): .inline([("leakyRelu", .inline([("slope", .number(slope))]))])
    case .gelu: .text("gelu")
    case .tanh: .text("tanh")
    case .sigmoid: .text("sigmoid")
    }
  }
}

extension ConvolutionConfiguration {
  fileprivate func canonical(
    _ pair: ([Int]) -> CanonicalWriter.Value
  ) -> [(String, CanonicalWriter.Value)] {
    [
      ("out", .number(out)), ("kernel", pair(kernel)), ("stride", pair(stride)),
      ("padding", pair(padding)), ("dilation", pair(dilation)), ("groups", .number(groups)),
      ("bias", .flag(bias)),
    ]
  }
}

extension PoolConfiguration {
  fileprivate var canonical: [(String, CanonicalWriter.Value)] {
    [("size", .numbers(size)), ("stride", .numbers(stride)), ("padding", .numbers(padding))]
  }
}

extension LossConfiguration {
  /// The loss with all its options.
  var canonical: CanonicalWriter.Value {
    switch self {
    case .crossEntropy(let smoothing, let weights):
      var options: [(String, CanonicalWriter.Value)] = [("labelSmoothing", .number(smoothing))]
      if let weights { options.append(("classWeights", .numbers(weights))) }
      return .inline([("crossEntropy", .inline(options))])
    case .binaryCrossEntropy: return .text("binaryCrossEntropy")
    case .meanSquaredError: return .text("meanSquaredError")
    case .huber(let delta): return .inline([("huber", .inline([("delta", .number(delta))]))])
    case .ctc(let blank): return .inline([("ctc", .inline([("blank", .number(blank))]))])
    case .bpr: return .text("bpr")
    }
  }
}
