import Configuration
import Parameters
import Tensors

/// Layers over the steps of sequences.
extension Compiler {
  /// `pool`: the steps `[C]` of each sample become one `[C]`.
  mutating func stepPool(_ kind: StepPool, _ context: LayerContext) throws -> Compiled {
    let input = try sequence(context.input, "pool", context.path)
    guard let axis = input.axis else { preconditionFailure("a sequence has an axis") }
    let base = axes.axes[axis].base
    var pooled = input
    (pooled.axis, pooled.mostUnits, pooled.isSequence) = (nil, 1, false)
    if let base { setAxis(of: &pooled, axes.axes[base]) }
    let output = try output(
      [input.channels], context.reading(pooled), .same,
      requiresGradient: input.requiresGradient || kind == .attention, channelsFirst: false)
    let rows = try product([input.mostUnits, capacity], context.path)
    let memory: StepPoolLayer.Memory
    switch kind {
    case .mean: memory = .mean
    case .first: memory = .first
    case .last: memory = .last
    case .max: memory = .max(winners: plan.reserve(capacity * input.channels, of: Int32.self))
    case .attention:
      scratchCount = max(scratchCount, rows)
      // Zeros: the mean, to begin with.
      memory = .attention(
        query: try slot(
          "query", [input.channels], context, .constant(0), units: [input.channelUnits]),
        probabilities: plan.reserve(rows))
    }
    return Compiled(
      layer: StepPoolLayer(
        input: input, output: output, axis: axis, base: base,
        presentOffsets: plan.reserve(base == nil ? 0 : capacity + 1, of: Int.self),
        memory: memory), output: output)
  }

  /// `positional`: a vector for each step is added.
  mutating func positional(
    _ configuration: PositionalConfiguration, _ context: LayerContext
  ) throws -> Compiled {
    let input = try sequence(context.input, "positional", context.path)
    guard let axis = input.axis else { preconditionFailure("a sequence has an axis") }
    let table: PositionalLayer.Table
    switch configuration {
    case .sinusoidal:
      table = PositionalLayer.sinusoids(length: input.mostUnits, channels: input.channels)
      // What is added to a channel follows from its number.
      units.fix(input.channelUnits, unruled: context.path)
    case .learned(let length):
      guard input.mostUnits <= length else {
        throw ModelError(
          .setting, context.path,
          "expected a positional length of at least \(input.mostUnits), the longest sequence, "
            + "found \(length)")
      }
      table = .learned(
        weight: try slot(
          "weight", [length, input.channels], context, .normal(deviation: 0.02), decays: true,
          units: [nil, input.channelUnits]),
        length: length)
    }
    let output = try output(
      input.shape, context.reading(input), .same,
      requiresGradient: input.requiresGradient || table.isLearned,
      channelsFirst: input.channelsFirst)
    return Compiled(
      layer: PositionalLayer(input: input, output: output, axis: axis, table: table),
      output: seen(output, as: context.input))
  }

  /// `attention`: `[T, C]` stays `[T, C]`.
  mutating func attention(
    _ configuration: AttentionConfiguration, _ context: LayerContext
  ) throws -> Compiled {
    let input = try sequence(context.input, "attention", context.path)
    guard let axis = input.axis else { preconditionFailure("a sequence has an axis") }
    let (width, heads) = (input.channels, configuration.heads)
    guard heads >= 1, width % heads == 0 || configuration.headSize != nil else {
      throw ModelError(
        .setting, context.path,
        "attention expected heads that divide its \(width) channels, found \(heads); change them, or "
          + "give a headSize")
    }
    try require(configuration.headSize ?? 1, atLeast: 1, "attention headSize", context)
    _ = try product([3, heads, configuration.headSize ?? width / heads, width], context.path)
    let geometry = AttentionGeometry(
      heads: heads, size: configuration.headSize ?? width / heads, isCausal: configuration.causal,
      precision: precision)
    try require(
      configuration.dropout >= 0 && configuration.dropout < 1, "attention dropout",
      expected: "in 0 ..< 1", found: configuration.dropout, context)
    let slots = try attentionSlots(geometry, configuration, context.reading(input))
    let output = try output(
      [width], context.reading(input), .same, requiresGradient: true, channelsFirst: false)
    let rows = try product([geometry.width, input.mostUnits, capacity], context.path)
    _ = try product([3, rows], context.path)
    let scratch = AttentionGeometry.scratchCount(
      queries: input.mostUnits, keys: input.mostUnits, dropout: configuration.dropout > 0)
    scratchCount = max(scratchCount, try product([scratch], context.path))
    return Compiled(
      layer: AttentionLayer(
        input: input, output: output, axis: axis, geometry: geometry, slots: slots,
        rate: Float(configuration.dropout), path: pathHash(context.path),
        joined: plan.reserve(3 * rows), mixed: plan.reserve(rows)),
      output: seen(output, as: context.input),
      multiplyAdds: input.mostUnits * geometry.width * (4 * width + 2 * input.mostUnits))
  }

  /// The projections of attention: by Glorot and Bengio 2010 with biases of 0, as in PyTorch, unless a
  /// transformer wants others.
  private mutating func attentionSlots(
    _ geometry: AttentionGeometry, _ configuration: AttentionConfiguration,
    _ context: LayerContext
  ) throws -> AttentionLayer.Slots {
    let (bias, width, inner) = (configuration.bias, context.input.channels, geometry.width)
    var first = Initializer.uniform(bound: Float((6 / Double(3 * inner + width)).squareRoot()))
    var second = Initializer.uniform(bound: Float(1 / Double(inner).squareRoot()))
    if let wanted = deviations[context.path] {
      (first, second) = (.normal(deviation: wanted.inner), .normal(deviation: wanted.last))
    }
    let counted = settings("heads", context)
    let columns = units.add(geometry.heads, counted, .heads)?.widened(geometry.size)
    if configuration.headSize == nil, let path = counted.first?.path {
      units.imply(SizeSetting(path, "headSize"), geometry.size)
    }
    let (joined, channels) = (columns?.tiled(3), context.input.channelUnits)
    let into = try slot(
      "queryKeyValue.weight", [3 * inner, width], context, first, decays: true,
      units: [joined, channels])
    let intoBias =
      bias
      ? try slot("queryKeyValue.bias", [3 * inner], context, .constant(0), units: [joined]) : nil
    let out = try slot(
      "output.weight", [width, inner], context, second, decays: true, units: [channels, columns])
    let outBias =
      bias ? try slot("output.bias", [width], context, .constant(0), units: [channels]) : nil
    return AttentionLayer.Slots(weight: into, bias: intoBias, outWeight: out, outBias: outBias)
  }

  /// `toSequence`: an image `[H, W, C]` as a sequence, the same memory seen otherwise.
  mutating func toSequence(_ order: StepOrder, _ context: LayerContext) throws -> Compiled {
    var output = whole(context.input)
    var shape = output.shape
    forgetChannels(of: &output, isPositions: shape.count == 2, context.path)
    if shape.count == 2 { shape.append(1) }
    guard shape.count == 3, !output.isSequence else {
      throw ModelError(
        .shape, context.path,
        "toSequence expected an image [H, W, C], found \(described(context.input))")
    }
    output.shape =
      order == .pixel ? [shape[0] * shape[1], shape[2]] : [shape[0], shape[1] * shape[2]]
    output.flattened = nil
    if order == .row { output.channelUnits = units.tiled(output.channelUnits, shape[1]) }
    if order == .row, output.channelsFirst, shape[2] > 1 {
      // PyTorch would flatten [C, W]; a later linear layer must know to read its files.
      output.flattened = Value.Image(height: 1, width: shape[1], channels: shape[2])
    }
    output.channelsFirst = false
    return Compiled(layer: nil, output: try sequence(output, "toSequence", context.path))
  }

  /// `tokenDropout`: whole steps are dropped.
  mutating func tokenDropout(rate: Double, _ context: LayerContext) throws -> Compiled {
    try require(
      rate >= 0 && rate < 1, "tokenDropout rate", expected: "in 0 ..< 1", found: rate, context)
    let input = try sequence(context.input, "tokenDropout", context.path)
    guard let axis = input.axis else { preconditionFailure("a sequence has an axis") }
    let output = try output(
      input.shape, context.reading(input), .same, requiresGradient: input.requiresGradient,
      channelsFirst: input.channelsFirst)
    return Compiled(
      layer: StepDropoutLayer(
        input: input, output: output, axis: axis, rate: Float(rate), path: pathHash(context.path)),
      output: seen(output, as: context.input))
  }

  /// A sequence with one unit a sample again, where the input of its layer was seen so.
  func seen(_ output: Value, as input: Value) -> Value {
    input.isSequence ? output : whole(output)
  }
}
