import Configuration
import Parameters
import Tensors

extension Compiler {
  /// `crossAttention`: slots `fusion.A.B.query`, `fusion.A.B.keyValue` and `fusion.A.B.output` for every A
  /// that attends to another B; then a mean over the steps of each, to be joined.
  mutating func crossAttention(
    heads: Int, _ ports: [Port], _ names: [String]
  ) throws -> (stages: [any FusionStage], outputs: [Port], multiplyAdds: Int) {
    let values = try sequences(ports, "crossAttention", names)
    var stages: [any FusionStage] = []
    var outputs: [Port] = []
    var multiplyAdds = 0
    for (own, value) in values.enumerated() {
      var summands = [ports[own]]
      for other in values.indices where other != own {
        let path = "fusion.\(names[own]).\(names[other])"
        let (port, stage) = try attend(
          heads, from: ports[own], value, to: ports[other], values[other], path)
        summands.append(port)
        stages.append(stage)
        multiplyAdds +=
          2 * value.mostUnits * value.channels * (value.channels + values[other].mostUnits)
          + 2 * values[other].count * value.channels
      }
      let (port, stage) = try stepMean(summands, value)
      outputs.append(port)
      stages.append(stage)
    }
    return (stages, outputs, multiplyAdds)
  }

  private mutating func attend(
    _ heads: Int, from: Port, _ query: Value, to: Port, _ key: Value, _ path: String
  ) throws -> (Port, any FusionStage) {
    let context = LayerContext(path: path, input: query, previous: nil, next: nil)
    let width = query.channels
    units.fix(key.channelUnits, unruled: "fusion")
    guard heads >= 1, width % heads == 0 else {
      throw ModelError(
        .setting, "fusion",
        "crossAttention expected heads that divide the \(width) channels of every modality, found "
          + "\(heads)")
    }
    let square = Initializer.uniform(bound: Float((3 / Double(width)).squareRoot()))
    let slots = CrossAttentionStage.Slots(
      query: try slot("query", [width, width], context, square, decays: true),
      keyValue: try slot(
        "keyValue", [2 * width, key.channels], context,
        .uniform(bound: Float((6 / Double(width + key.channels)).squareRoot())), decays: true),
      output: try slot("output", [width, width], context, square, decays: true))
    let port = Port(
      try output([width], context, requiresGradient: true, channelsFirst: false))
    let rows = try memory(query, path)
    let keys = try product([2 * width, key.mostUnits, capacity], path)
    scratchCount = max(
      scratchCount,
      try product(
        [
          AttentionGeometry.scratchCount(
            queries: query.mostUnits, keys: key.mostUnits, dropout: false)
        ], path))
    let stage = CrossAttentionStage(
      from: from, as: query, to: to, as: key, output: port,
      geometry: AttentionGeometry(
        heads: heads, size: width / heads, isCausal: false, precision: precision),
      slots: slots,
      memory: CrossAttentionStage.Memory(
        queries: plan.reserve(rows), keyValues: plan.reserve(keys), mixed: plan.reserve(rows)))
    return (port, stage)
  }

  private mutating func stepMean(
    _ summands: [Port], _ value: Value
  ) throws -> (Port, any FusionStage) {
    guard let axis = value.axis else { preconditionFailure("a sequence has an axis") }
    var pooled = fusionContext(value).input
    let base = axes.axes[axis].base
    if let base { setAxis(of: &pooled, axes.axes[base]) }
    pooled.channelUnits = value.channelUnits
    let context = LayerContext(path: "fusion", input: pooled, previous: nil, next: nil)
    let port = Port(
      try output(
        [value.channels], context, .same,
        requiresGradient: summands.contains { $0.value.requiresGradient }, channelsFirst: false))
    return (port, StepMeanStage(summands, to: port, axis: axis, base: base))
  }

  /// `bottleneck`: slots `fusion.tokens` and those of a transformer block `fusion.NAME.LAYER` for every
  /// modality and layer.
  mutating func bottleneck(
    _ size: BottleneckConfiguration, _ ports: [Port], _ names: [String]
  ) throws -> Stages {
    let values = try sequences(ports, "bottleneck", names)
    let width = try oneWidth(values, "bottleneck", names)
    for value in values { units.fix(value.channelUnits, unruled: "fusion") }
    let before = units.count
    defer { units.fix(since: before, unruled: "fusion") }
    let context = fusionContext(values[0])
    let slot = try slot(
      "tokens", [size.tokens, width], context, .normal(deviation: 0.02), decays: false)
    var tokens = try tokenPort(size.tokens * width, context)
    var stages: [any FusionStage] = [TokenStage(slot: slot, to: tokens)]
    var blocks = ports
    for layer in 0..<size.layers {
      for index in values.indices {
        let (appended, port) = try exchange(
          size, layer == 0 ? values[index] : blocks[index].value, of: blocks[index], values[index],
          tokens, path: "fusion.\(names[index]).\(layer)")
        stages += appended
        blocks[index] = port
      }
      let next = try tokenPort(size.tokens * width, context)
      let carries = values.allSatisfy { axes.presence($0.axis) != nil }
      stages.append(TokenMeanStage(blocks, before: tokens, carries: carries, to: next))
      tokens = next
    }
    return Stages(stages: stages, output: tokens)
  }

  /// `sequence`: the steps of all modalities one after the other; a modality that a sample lacks has none.
  mutating func sequenceFusion(_ ports: [Port], _ names: [String]) throws -> Stages {
    let values = try sequences(ports, "sequence", names)
    let width = try oneWidth(values, "sequence", names)
    for value in values.dropFirst() {
      units.couple(values[0].channelUnits, value.channelUnits)
    }
    let parts = values.compactMap(\.axis)
    // Where nobody lacks anything all samples have as many steps, and a later layer may see them as one tensor.
    let lengths = parts.compactMap { axes.constant($0) }
    let rule: Axis.Rule =
      lengths.count == parts.count
      ? .repeated(parent: nil, count: lengths.reduce(0, +)) : .joined(parts)
    var steps = fusionContext(values[0]).input
    setAxis(
      of: &steps,
      Axis(
        rule: rule, most: values.reduce(0) { $0 + $1.mostUnits }, isSequence: true, base: nil))
    let context = LayerContext(path: "fusion", input: steps, previous: nil, next: nil)
    let output = Port(
      try output(
        [width], context, .same, requiresGradient: values.contains { $0.requiresGradient },
        channelsFirst: false))
    return Stages(
      stages: [StepJoinStage(Array(zip(ports, values)), to: output)], output: output)
  }

  /// The channels that all sequences have.
  private func oneWidth(_ values: [Value], _ kind: String, _ names: [String]) throws -> Int {
    let width = values[0].channels
    for (value, name) in zip(values, names) where value.channels != width {
      throw ModelError(
        .shape, "modalities.\(name)",
        "\(kind) expected \(width) channels, as many as the others have, found \(value.channels)")
    }
    return width
  }

  /// One transformer block over a modality's steps and the tokens; `steps` is what `port` holds, seen as
  /// steps that begin as on its own axis.
  private mutating func exchange(
    _ size: BottleneckConfiguration, _ steps: Value, of port: Port, _ value: Value,
    _ tokens: Port, path: String
  ) throws -> ([any FusionStage], Port) {
    let extended = Port(try extended(value, by: size.tokens))
    let block = try block(size, extended.value, path)
    guard let chain = block.layer, let axis = steps.axis else {
      preconditionFailure("a transformer without a layer")
    }
    let output = Port(block.output)
    return (
      [
        AppendStage(port, axis: axis, tokens: tokens, count: size.tokens, to: extended),
        LayerStage(chain, from: extended, to: output),
      ], output
    )
  }

  private mutating func tokenPort(_ count: Int, _ context: LayerContext) throws -> Port {
    Port(
      try output(
        [count], context, requiresGradient: true, overwritable: false, channelsFirst: false))
  }

  /// The steps of `value` with room for tokens behind them, where a sample has the modality.
  private mutating func extended(_ value: Value, by count: Int) throws -> Value {
    guard let axis = value.axis else { preconditionFailure("a sequence has an axis") }
    var input = value
    let base = axes.axes[axis].base
    setAxis(
      of: &input,
      Axis(
        rule: .extended(parent: axis, count: count, base: base), most: value.mostUnits + count,
        isSequence: true, base: base))
    let context = LayerContext(path: "fusion", input: input, previous: nil, next: nil)
    return try output(
      [value.channels], context, requiresGradient: true, overwritable: false, channelsFirst: false)
  }

  /// One transformer block.
  private mutating func block(
    _ size: BottleneckConfiguration, _ input: Value, _ path: String
  ) throws -> Compiled {
    try transformer(
      TransformerConfiguration(layers: 1, heads: size.heads, hidden: size.hidden),
      LayerContext(path: path, input: input, previous: nil, next: nil))
  }

  private mutating func sequences(
    _ ports: [Port], _ kind: String, _ names: [String]
  ) throws -> [Value] {
    guard ports.count > 1 else {
      throw ModelError(
        .structure, "fusion", "\(kind) expected several modalities, found \(names[0]) alone")
    }
    return try zip(ports, names).map { port, name in
      try sequence(port.value, kind, "modalities.\(name)")
    }
  }
}
