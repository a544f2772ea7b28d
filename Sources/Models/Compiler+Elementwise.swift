import Configuration
import Tensors

extension Compiler {
  /// An activation, over its input where that is legal; no layer where the one before has applied it.
  mutating func activation(
    _ activation: LayerConfiguration.Activation, _ context: LayerContext
  ) throws -> Compiled {
    let input = context.input
    if case .leakyRelu(let slope) = activation {
      try require(
        slope.isFinite, "leakyRelu slope", expected: "to be finite", found: slope, context)
    }
    if activation == .relu, input.isRectified {
      var output = input
      output.isRectified = false
      output.overwritable = false
      return Compiled(layer: nil, output: output)
    }
    let isInPlace = input.overwritable && ActivationLayer.worksInPlace(activation)
    var output = try elementwiseOutput(isInPlace: isInPlace, context)
    output.overwritable = !ActivationLayer.worksInPlace(activation)
    return Compiled(
      layer: ActivationLayer(input: input, output: output, function: activation.kernel),
      output: output)
  }

  /// Whether the layer at `context` applies the relu behind it in its own sweep: nobody reads what lies between.
  func takesRelu(_ context: LayerContext) -> Bool {
    context.next == .activation(.relu) && !readPaths.contains(context.path)
  }

  /// `dropout`, over its input where that is legal.
  mutating func dropout(rate: Double, _ context: LayerContext) throws -> Compiled {
    try require(
      rate >= 0 && rate < 1, "dropout rate", expected: "in 0 ..< 1", found: rate, context)
    let output = try elementwiseOutput(isInPlace: context.input.overwritable, context)
    return Compiled(
      layer: DropoutLayer(
        input: context.input, output: output, rate: Float(rate), path: pathHash(context.path)),
      output: output)
  }

  private mutating func elementwiseOutput(
    isInPlace: Bool, _ context: LayerContext
  ) throws -> Value {
    var output = context.input
    output.overwritable = true
    guard !isInPlace else { return output }
    output.place = .region(plan.reserve(try memory(output, context.path)))
    return output
  }
}

extension LayerConfiguration.Activation {
  /// The kernel's name for the function.
  var kernel: Kernels.ElementwiseFunction {
    switch self {
    case .relu: return .relu
    case .leakyRelu(let slope): return .leakyRelu(slope: Float(slope))
    case .gelu: return .gelu
    case .tanh: return .tanh
    case .sigmoid: return .sigmoid
    }
  }
}
