import Configuration
import Parameters
import Tensors

extension Compiler {
  /// Joins the encoders' outputs, or passes the only one on.
  mutating func fuse(
    _ encoders: [Encoder], _ configuration: ModelConfiguration
  ) throws -> Fusion {
    guard configuration.heads.contains(where: { $0.source == nil }) else {
      return Fusion(encoders: encoders, stages: [], output: nil, summary: nil)
    }
    let learns = configuration.missing.substitute == .learned
    if encoders.count == 1, configuration.fusion == .concat, !learns {
      let value = encoders[0].output.value
      if value.axis == nil || value.isSequence {
        return Fusion(encoders: encoders, stages: [], output: encoders[0].output, summary: nil)
      }
    }
    let (bytes, scalars, first) = (plan.byteCount, layout.count, summaries.count)
    let stages = try self.stages(encoders.map(\.output), configuration)
    let inner = summaries[first...]
    let own = layout.count - scalars - inner.reduce(0) { $0 + $1.parameterCount }
    let output = stages.output.value
    summaries.append(
      LayerSummary(
        path: "fusion", kind: configuration.fusion.keyword, outputShape: output.shape,
        inputCount: encoders.reduce(0) { $0 + $1.output.value.count }, outputCount: output.count,
        returnsGradient: encoders.contains { $0.output.value.requiresGradient },
        parameterCount: own, multiplyAddsPerSample: stages.multiplyAdds,
        arenaBytes: plan.byteCount - bytes - inner.reduce(0) { $0 + $1.arenaBytes }))
    probes.append(Probe(path: "fusion", output))
    return Fusion(
      encoders: encoders, stages: stages.stages, output: stages.output,
      summary: Fusion.Summary(
        index: summaries.count - 1, firstSlot: own > 0 ? scalars : nil))
  }

  /// Stages one after the other, and what the last one writes.
  struct Stages {
    var stages: [any FusionStage]
    var output: Port
    var multiplyAdds = 0
  }

  private mutating func stages(
    _ ports: [Port], _ configuration: ModelConfiguration
  ) throws -> Stages {
    let names = configuration.modalities.map(\.name)
    switch configuration.fusion {
    case .crossAttention(let heads):
      let attention = try crossAttention(heads: heads, ports, names)
      let (joined, _) = try join(attention.outputs, configuration)
      return Stages(
        stages: attention.stages + joined.stages, output: joined.output,
        multiplyAdds: attention.multiplyAdds)
    case .sequence:
      try refuseSubstitutes(configuration)
      return try sequenceFusion(ports, names)
    case .bottleneck(let size):
      try refuseSubstitutes(configuration)
      return try bottleneck(size, ports, names)
    default: break
    }
    let (joined, columns) = try join(ports, configuration)
    guard let core = try core(configuration, joined.output.value, columns) else { return joined }
    let output = Port(core.output)
    guard let layer = core.layer else { preconditionFailure("a fusion without a layer") }
    return Stages(
      stages: joined.stages + [LayerStage(layer, from: joined.output, to: output)], output: output,
      multiplyAdds: core.multiplyAdds)
  }

  /// Refuses substitutes where missing modalities are left out instead.
  private func refuseSubstitutes(_ configuration: ModelConfiguration) throws {
    guard configuration.missing.substitute == .learned else { return }
    throw ModelError(
      .setting, "missing",
      "\(configuration.fusion.keyword) leaves missing modalities out; expected substitute zero, "
        + "found learned")
  }

  /// The outputs side by side.
  private mutating func join(
    _ ports: [Port], _ configuration: ModelConfiguration
  ) throws -> (Stages, FusionColumns) {
    let names = configuration.modalities.map(\.name)
    let values = ports.map { whole($0.value) }
    try requireVectors(values, names, configuration)
    let learns = configuration.missing.substitute == .learned
    let channels = ChannelUnits.joined(
      values.indices.map { (flattened(values[$0]), values[$0].unitCount) })
    let flags = learns && configuration.fusion == .concat
    let context = fusionContext(values[0])
    let outputs = values.reduce(0) { $0 + $1.unitCount }
    let inputs = try joinInputs(ports, values, names, learns: learns, flags ? outputs : nil)
    let width = outputs + (flags ? values.count : 0)
    let joined = flags ? ChannelUnits.joined([(channels, outputs), (nil, values.count)]) : channels
    let inPlace = zip(names, inputs).filter {
      $1.port.writer != nil && isOnlyReader(of: $0, configuration)
    }
    let output = try output(
      [width], context, .channels(joined),
      requiresGradient: learns || values.contains { $0.requiresGradient },
      channelsFirst: false, apart: !inPlace.isEmpty)
    for (_, input) in inPlace { joinInPlace(input, in: output) }
    let port = Port(output)
    return (
      Stages(stages: [JoinStage(inputs, to: port)], output: port),
      FusionColumns(
        width: width,
        parts: inputs.map {
          FusionColumns.Part(column: $0.column, width: $0.width, axis: $0.value.axis)
        })
    )
  }

  /// The encoders' outputs with their columns, substitutes where they are learned, and flags from a column on.
  private mutating func joinInputs(
    _ ports: [Port], _ values: [Value], _ names: [String], learns: Bool, _ firstFlag: Int?
  ) throws -> [JoinStage.Input] {
    let context = fusionContext(values[0])
    var inputs: [JoinStage.Input] = []
    var column = 0
    for (index, value) in values.enumerated() {
      var substitute: Int?
      if learns {
        substitute = try slot(
          "substitute.\(names[index])", [value.unitCount], context, .normal(deviation: 0.02),
          units: [flattened(value)])
      }
      inputs.append(
        JoinStage.Input(
          ports[index], as: value, column: column, substitute: substitute,
          flag: firstFlag.map { $0 + index }))
      column += value.unitCount
    }
    return inputs
  }

  /// Whether nobody but the fusion reads a modality's encoder.
  private func isOnlyReader(of name: String, _ configuration: ModelConfiguration) -> Bool {
    configuration.coupling == nil && !configuration.heads.contains { $0.source == name }
  }

  /// Lets an encoder's last layer write into the join, whose memory no encoder has had; its own is free for others.
  private mutating func joinInPlace(_ input: JoinStage.Input, in joined: Value) {
    guard let writer = input.port.writer else { return }
    let columns = JoinedColumns(
      place: joined.place, column: input.column, stride: joined.unitCount)
    for index in probes.indices where probes[index].columns == writer.columns {
      probes[index].columns = columns
    }
    if case .region(let region) = writer.columns.place { plan.release(region) }
    writer.columns = columns
    input.isInPlace = true
  }

  /// Throws where an encoder leaves a sequence to a fusion of vectors.
  private func requireVectors(
    _ values: [Value], _ names: [String], _ configuration: ModelConfiguration
  ) throws {
    for (value, name) in zip(values, names) where value.isSequence {
      throw ModelError(
        .shape, "modalities.\(name)",
        "\(configuration.fusion.keyword) expected one vector a sample, found "
          + "\(described(value)); end the encoder with pool")
    }
  }

  /// Where the fusion stands: one unit a sample.
  func fusionContext(_ value: Value) -> LayerContext {
    var first = value
    (first.axis, first.mostUnits, first.isSequence) = (nil, 1, false)
    return LayerContext(path: "fusion", input: first, previous: nil, next: nil)
  }

  /// What works on the rows of a join; nil where they are the result.
  private mutating func core(
    _ configuration: ModelConfiguration, _ joined: Value, _ columns: FusionColumns
  ) throws -> Compiled? {
    let context = fusionContext(joined)
    let names = configuration.modalities.map(\.name)
    let learns = configuration.missing.substitute == .learned
    switch configuration.fusion {
    case .concat, .sequence, .crossAttention, .bottleneck: return nil
    case .sum, .mean:
      return try sumFusion(
        configuration.fusion == .mean, countsAll: learns, names, columns, context)
    case .gated(let out): return try gatedFusion(out, names, columns, context)
    case .lowRank(let rank, let out): return try lowRankFusion(rank, out, names, columns, context)
    case .tensor: return try tensorFusion(columns, context)
    case .lateProduct(let prior):
      try refuseSubstitutes(configuration)
      return try lateProduct(prior, names, columns, context)
    }
  }
}
