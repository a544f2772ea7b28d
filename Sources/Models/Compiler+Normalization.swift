import Configuration
import Parameters
import Tensors

extension Compiler {
  /// `batchNorm` over the last axis.
  mutating func batchNorm(
    momentum: Double, epsilon: Double, _ context: LayerContext
  ) throws -> Compiled {
    try require(
      momentum >= 0 && momentum <= 1, "batchNorm momentum", expected: "in 0 ... 1",
      found: momentum, context)
    try requireEpsilon(epsilon, "batchNorm", context)
    let input = context.input
    let channels = input.channels
    let statistic = ParameterSlot.Role.statistic(
      momentum: momentum, rowsPerSample: input.positions)
    let settings = BatchNormLayer.Settings(
      weight: try slot("weight", [channels], context, .constant(1)),
      bias: try slot("bias", [channels], context, .constant(0)),
      runningMean: try slot("runningMean", [channels], context, role: statistic, .constant(0)),
      runningVariance: try slot(
        "runningVariance", [channels], context, role: statistic, .constant(1)),
      epsilon: Float(epsilon), relu: context.next == .activation(.relu))
    let output = try output(
      input.shape, context, requiresGradient: true, channelsFirst: input.channelsFirst)
    scratchCount = max(scratchCount, 2 * channels)
    return Compiled(
      layer: BatchNormLayer(
        input: input, output: output, settings: settings, mean: plan.reserve(channels),
        variance: plan.reserve(channels)),
      output: output)
  }

  /// `layerNorm` over the last axis.
  mutating func layerNorm(epsilon: Double, _ context: LayerContext) throws -> Compiled {
    try requireEpsilon(epsilon, "layerNorm", context)
    let input = context.input
    let weight = try slot("weight", [input.channels], context, .constant(1))
    let bias = try slot("bias", [input.channels], context, .constant(0))
    let output = try output(input.shape, context, requiresGradient: true, channelsFirst: false)
    let rows = capacity * input.positions
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
