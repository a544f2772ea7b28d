import Configuration
import Parameters
import Tensors

extension Compiler {
  /// `batchNorm` over the last axis.
  mutating func batchNorm(
    momentum: Double, epsilon: Double, sync: Int, _ context: LayerContext
  ) throws -> Compiled {
    try require(
      momentum >= 0 && momentum <= 1, "batchNorm momentum", expected: "in 0 ... 1",
      found: momentum, context)
    try requireEpsilon(epsilon, "batchNorm", context)
    let input = context.input
    let channels = input.channels
    let axes = [input.channelUnits]
    let statistic = ParameterSlot.Role.statistic(
      momentum: momentum, rowsPerSample: input.positions)
    let settings = BatchNormLayer.Settings(
      weight: try slot("weight", [channels], context, .constant(1), units: axes),
      bias: try slot("bias", [channels], context, .constant(0), units: axes),
      runningMean: try slot(
        "runningMean", [channels], context, role: statistic, .constant(0), units: axes),
      runningVariance: try slot(
        "runningVariance", [channels], context, role: statistic, .constant(1), units: axes),
      epsilon: Float(epsilon), relu: takesRelu(context))
    rememberFold(of: settings, channels: channels, behind: context.previous)
    var output = try output(
      input.shape, context, .same, requiresGradient: true, channelsFirst: input.channelsFirst)
    output.isRectified = settings.relu
    let plain = BatchNormLayer(
      input: input, output: output, settings: settings,
      mean: plan.reserve(channels, kept: true), variance: plan.reserve(channels, kept: true))
    return Compiled(
      layer: sync == 1 ? plain : try synchronized(plain, group: sync, context), output: output)
  }

  /// Lets `plain` take its statistics over groups of `group` microbatches.
  private mutating func synchronized(
    _ plain: BatchNormLayer, group: Int, _ context: LayerContext
  ) throws -> SynchronizedBatchNormLayer {
    guard group > 1, group & (group - 1) == 0 else {
      throw ModelError(
        .setting, context.path,
        "expected batchNorm sync to be a power of two (1 is off), found \(group)")
    }
    if synchronization.layers > 0, synchronization.group != group {
      throw ModelError(
        .setting, context.path,
        "expected batchNorm sync \(synchronization.group) as in \(synchronization.path), found "
          + "\(group); all synchronised layers of a model share one group")
    }
    if synchronization.layers == 0 { synchronization.path = context.path }
    defer { synchronization.layers += 1 }
    synchronization.group = group
    synchronization.width = max(
      synchronization.width, SynchronizedBatchNormLayer.width(channels: plain.channels))
    return SynchronizedBatchNormLayer(
      plain, ordinal: synchronization.layers, count: plan.reserve(1, of: Double.self, kept: true))
  }

  /// `layerNorm` over the last axis.
  mutating func layerNorm(epsilon: Double, _ context: LayerContext) throws -> Compiled {
    try requireEpsilon(epsilon, "layerNorm", context)
    let input = context.input
    let axes = [input.channelUnits]
    units.normalize(input.channelUnits)
    let weight = try slot("weight", [input.channels], context, .constant(1), units: axes)
    let bias = try slot("bias", [input.channels], context, .constant(0), units: axes)
    let output = try output(
      input.shape, context, .same, requiresGradient: true, channelsFirst: false)
    let rows = capacity * input.mostUnits * input.positions
    return Compiled(
      layer: LayerNormLayer(
        input: input, output: output, epsilon: Float(epsilon), weight: weight, bias: bias,
        mean: plan.reserve(rows), inverseDeviation: plan.reserve(rows)),
      output: output)
  }

  private func requireEpsilon(_ epsilon: Double, _ kind: String, _ context: LayerContext) throws {
    try require(
      epsilon > 0 && epsilon.isFinite, "\(kind) epsilon", expected: "above 0", found: epsilon,
      context)
  }
}
