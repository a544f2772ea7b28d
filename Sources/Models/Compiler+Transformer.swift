import Configuration

extension Compiler {
  /// `transformer`: blocks of `x + attention(norm(x))` and `x + hidden(norm(x))`, made of other layers.
  ///
  /// Weights begin as in GPT-2 (Radford et al. 2019): normal with deviation 0.02, those before an
  /// addition with 0.02 / √(2 · layers), biases 0.
  mutating func transformer(
    _ configuration: TransformerConfiguration, _ context: LayerContext
  ) throws -> Compiled {
    try require(configuration.layers, atLeast: 1, "transformer layers", context)
    var input = try sequence(context.input, "transformer", context.path)
    // Any other view of the channels' order ends here.
    input.flattened = nil
    let drop: [LayerConfiguration] =
      configuration.dropout > 0 ? [.dropout(rate: configuration.dropout)] : []
    let hidden = configuration.hidden ?? 4 * input.channels
    let attention = AttentionConfiguration(
      heads: configuration.heads, headSize: configuration.headSize, causal: configuration.causal,
      dropout: configuration.dropout)
    if configuration.hidden == nil { units.imply(SizeSetting(context.path, "hidden"), hidden) }
    let activation: LayerConfiguration =
      .activation(configuration.activation == .relu ? .relu : .gelu)
    let block: [LayerConfiguration] = [
      .residual(
        layers: [.layerNorm(epsilon: 1e-5), .attention(attention)] + drop, shortcut: []),
      .residual(
        layers: [
          .layerNorm(epsilon: 1e-5), .linear(out: hidden, bias: true), activation,
          .linear(out: input.channels, bias: true),
        ] + drop, shortcut: []),
    ]
    let last = Float(0.02 / Double(2 * configuration.layers).squareRoot())
    for layer in 0..<configuration.layers {
      let (first, second) = ("\(context.path).\(2 * layer)", "\(context.path).\(2 * layer + 1)")
      deviations["\(first).layers.1"] = Deviation(inner: 0.02, last: last)
      deviations["\(second).layers.1"] = Deviation(inner: 0.02, last: 0.02)
      deviations["\(second).layers.3"] = Deviation(inner: last, last: last)
      owners["\(first).layers.1"] = SizeSetting(context.path, "heads")
      owners["\(second).layers.1"] = SizeSetting(context.path, "hidden")
      owners["\(second).layers.3"] = .some(nil)
    }
    let chain = try chain(
      (0..<configuration.layers).flatMap { _ in block }, from: input, prefix: context.path,
      layersPerBlock: block.count)
    return Compiled(
      layer: ChainLayer(chain), output: seen(chain.output, as: context.input))
  }

  /// Standard deviations of initial weights that a composite wants: of an attention's two projections,
  /// or of a linear layer.
  struct Deviation {
    /// Of the first projection.
    let inner: Float
    /// Of the last projection.
    let last: Float
  }
}

/// A chain as one layer.
final class ChainLayer: Layer {
  private let chain: Chain
  var input: Value { chain.input }
  var output: Value { chain.output }
  var readsOutput: Bool { chain.readsOutput }
  var tape: Tape { chain.givesOutputAnyway ? .withOutput : .apart }

  /// Wraps `chain`.
  init(_ chain: Chain) { self.chain = chain }

  func forward(_ group: Group) { chain.forward(group) }

  func forwardAgain(_ group: Group, needsOutput: Bool) {
    chain.forwardAgain(group, needsOutput: needsOutput)
  }

  func planBackward(_ gradient: Gradient, _ slabs: inout SlabPlan) -> Gradient? {
    chain.planBackward(gradient, &slabs)
  }

  func backward(_ group: Group) { chain.backward(group) }
}
