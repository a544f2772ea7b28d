import Configuration
import Tensors

extension Compiler {
  /// Compiles the companding of telephone lines.
  mutating func telephone(
    _ configuration: G711Configuration, _ context: LayerContext
  ) throws -> Compiled {
    let coder = G711(configuration.law == .mu ? .mu : .a)
    let scale = Float(configuration.scale)
    let direction = configuration.direction
    return try overSteps("g711", context) { pass, step in
      let count = step.offsets[pass.samples] * step.channels
      switch direction {
      case .both: coder.pass(count: count, scale: scale, x: step.x, y: step.y)
      case .encode: coder.encode(count: count, scale: scale, x: step.x, y: step.y)
      case .decode: coder.decode(count: count, scale: scale, x: step.x, y: step.y)
      }
    }
  }

  /// Compiles the prediction of each value by those before it.
  mutating func linearPrediction(
    _ configuration: LinearPredictionConfiguration, _ context: LayerContext
  ) throws -> Compiled {
    let kind = "linearPrediction"
    let input = try sequence(context.input, kind, context.path)
    guard input.channels == 1 else {
      throw ModelError(
        .shape, context.path,
        "\(kind) expected a sound of one channel, found \(described(input))")
    }
    let (frame, shift) = try framing(
      configuration.rate, configuration.frameMilliseconds, configuration.shiftMilliseconds, kind,
      context)
    try require(
      configuration.order >= 1 && configuration.order < frame, "\(kind) order",
      expected: "below the \(frame) values of a frame", found: Double(configuration.order), context)
    let prediction = LinearPrediction(
      .init(
        frame: frame, shift: shift, order: configuration.order, scale: configuration.scale))
    // Scratch is counted in floats and begins on a cache line.
    scratchCount = max(scratchCount, 2 * prediction.scratchCount)
    switch configuration.output {
    case .coefficients: return try analysis(prediction, .coefficients, input, context)
    case .reflections: return try analysis(prediction, .reflections, input, context)
    case .residual:
      return try overSteps(kind, context) { pass, step in
        prediction.residual(
          samples: pass.samples, offsets: step.offsets, values: step.x, output: step.y,
          scratch: pass.doubleScratch)
      }
    case .decoded(let bits):
      return try overSteps(kind, context) { pass, step in
        prediction.code(
          samples: pass.samples, offsets: step.offsets, bits: bits, values: step.x,
          output: step.y, scratch: pass.doubleScratch)
      }
    }
  }

  private mutating func analysis(
    _ prediction: LinearPrediction, _ form: LinearPrediction.Form, _ input: Value,
    _ context: LayerContext
  ) throws -> Compiled {
    let settings = prediction.settings
    var frames = input
    let window = Axis.Window(
      size: settings.frame, stride: settings.shift, padding: 0, dilation: 1)
    try slide(&frames, window, "linearPrediction", context.path)
    let output = try output(
      [settings.width], context.reading(frames), requiresGradient: false, channelsFirst: false)
    guard let from = input.axis, let to = output.axis else {
      preconditionFailure("a sequence has an axis")
    }
    let (source, target) = (input.place, output.place)
    let layer = FrontEndLayer(input: input, output: output) { pass in
      prediction.analyze(
        samples: pass.samples, valueOffsets: pass.offsets(from), frameOffsets: pass.offsets(to),
        form: form, values: pass.floats(source), output: pass.floats(target),
        scratch: pass.doubleScratch)
    }
    return Compiled(
      layer: layer, output: seen(output, as: context.input),
      multiplyAdds: output.mostUnits * settings.frame * settings.width)
  }
}

extension Pass {
  /// Scratch as Float64.
  fileprivate var doubleScratch: UnsafeMutablePointer<Double> {
    UnsafeMutableRawPointer(scratch).assumingMemoryBound(to: Double.self)
  }
}
