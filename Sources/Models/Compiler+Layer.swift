import Configuration
import Tensors

extension Compiler {
  /// Compiles one layer.
  mutating func layer(
    _ configuration: LayerConfiguration, _ context: LayerContext
  ) throws -> Compiled {
    try requireElement(configuration, context)
    switch configuration {
    case .linear(let out, let bias): return try linear(out: out, bias: bias, context)
    case .dot(let biases, let offset):
      return try dot(biases: biases, offset: offset, context)
    case .conv(let settings): return try convolution(settings, context)
    case .conv1d(let settings): return try convolution1d(settings, context)
    case .batchNorm(let momentum, let epsilon, let sync):
      return try batchNorm(momentum: momentum, epsilon: epsilon, sync: sync, context)
    case .layerNorm(let epsilon): return try layerNorm(epsilon: epsilon, context)
    case .activation(let function): return try activation(function, context)
    case .dropout(let rate): return try dropout(rate: rate, context)
    case .maxPool(let settings): return try maxPool(settings, context)
    case .averagePool(let settings): return try averagePool(settings, context)
    case .globalAveragePool: return try globalAveragePool(context)
    case .flatten: return try flatten(context)
    case .residual(let layers, let shortcut):
      return try residual(layers: layers, shortcut: shortcut, context)
    case .concat(let branches): return try concat(branches, context)
    case .embedding(let vocabulary, let size, let deviation):
      return try embedding(vocabulary: vocabulary, size: size, deviation: deviation, context)
    case .recurrent(let stack): return try recurrent(stack, context)
    case .pool(let kind): return try stepPool(kind, context)
    case .positional(let configuration): return try positional(configuration, context)
    case .attention(let configuration): return try attention(configuration, context)
    case .transformer(let configuration): return try transformer(configuration, context)
    case .toSequence(let order): return try toSequence(order, context)
    case .featureTokens(let size): return try featureTokens(size: size, context)
    case .classToken: return try classToken(context)
    case .tokenDropout(let rate): return try tokenDropout(rate: rate, context)
    case .frontEnd(let configuration): return try frontEnd(configuration, context)
    }
  }

  /// Ids reach embeddings only, and embeddings get nothing else.
  private func requireElement(
    _ configuration: LayerConfiguration, _ context: LayerContext
  ) throws {
    switch (configuration, context.input.element) {
    case (.embedding, .float):
      throw ModelError(
        .element, context.path,
        "embedding expected integer ids, found values; use a field of kind ids, or leave the "
          + "embedding out")
    case (.embedding, .integer), (.residual, .integer), (.concat, .integer), (_, .float): return
    case (_, .integer):
      throw ModelError(
        .element, context.path,
        "\(configuration.kind) expected values, found an integer field; put an embedding first, "
          + "or declare the field as values")
    }
  }

  /// Throws unless `value` is at least `least`.
  func require(
    _ value: Int, atLeast least: Int, _ name: String, _ context: LayerContext
  ) throws {
    guard value < least else { return }
    throw ModelError(
      .setting, context.path, "expected \(name) of at least \(least), found \(value)")
  }

  /// Throws unless `isAllowed`.
  func require(
    _ isAllowed: Bool, _ name: String, expected: String, found: Double, _ context: LayerContext
  ) throws {
    guard !isAllowed else { return }
    throw ModelError(.setting, context.path, "expected \(name) \(expected), found \(found)")
  }
}

extension LayerConfiguration {
  /// The layer's name in the configuration.
  var kind: String {
    switch self {
    case .linear: return "linear"
    case .dot: return "dot"
    case .conv: return "conv"
    case .conv1d: return "conv1d"
    case .batchNorm: return "batchNorm"
    case .layerNorm: return "layerNorm"
    case .activation(.relu): return "relu"
    case .activation(.leakyRelu): return "leakyRelu"
    case .activation(.gelu): return "gelu"
    case .activation(.tanh): return "tanh"
    case .activation(.sigmoid): return "sigmoid"
    case .dropout: return "dropout"
    case .maxPool: return "maxPool"
    case .averagePool: return "averagePool"
    case .globalAveragePool: return "globalAveragePool"
    case .flatten: return "flatten"
    case .residual: return "residual"
    case .concat: return "concat"
    case .embedding: return "embedding"
    case .recurrent(let stack): return stack.keyword
    case .pool: return "pool"
    case .positional: return "positional"
    case .attention: return "attention"
    case .transformer: return "transformer"
    case .toSequence: return "toSequence"
    case .featureTokens: return "featureTokens"
    case .classToken: return "classToken"
    case .tokenDropout: return "tokenDropout"
    case .frontEnd(let configuration): return configuration.kind
    }
  }
}
