import Configuration
import Tensors

extension Compiler {
  /// What is done to the data before the first layer with parameters.
  mutating func frontEnd(
    _ configuration: FrontEndConfiguration, _ context: LayerContext
  ) throws -> Compiled {
    guard !context.input.requiresGradient else {
      throw ModelError(
        .structure, context.path,
        "\(configuration.kind) expected data, found the output of layers with parameters; put it "
          + "before them")
    }
    switch configuration {
    case .fbank(let filters): return try filterBank(filters, nil, 0, configuration.kind, context)
    case .mfcc(let filters, let coefficients, let lifter):
      return try filterBank(filters, coefficients, lifter, configuration.kind, context)
    case .g711(let coder): return try telephone(coder, context)
    case .linearPrediction(let prediction): return try linearPrediction(prediction, context)
    case .deltas(let order): return try deltas(order, context)
    case .cmvn: return try normalizedSteps(context)
    case .specAugment(let masks): return try masked(masks, context)
    case .noise(let least, let most): return try noisy(least, most, context)
    case .flip, .randomCrop, .cutout: return try augmentedImage(configuration, context)
    }
  }

  private mutating func filterBank(
    _ filters: FilterBankConfiguration, _ coefficients: Int?, _ lifter: Double, _ kind: String,
    _ context: LayerContext
  ) throws -> Compiled {
    let input = try sequence(context.input, kind, context.path)
    guard input.channels == 1 else {
      throw ModelError(
        .shape, context.path,
        "\(kind) expected a sound of one channel, found \(described(input))")
    }
    let settings = try settings(filters, coefficients, lifter, kind, context)
    let bank = FilterBank(settings)
    tableBytes += bank.byteCount
    var frames = input
    let window = Axis.Window(
      size: settings.frame, stride: settings.shift, padding: 0, dilation: 1)
    try slide(&frames, window, kind, context.path)
    scratchCount = max(scratchCount, bank.scratchCount)
    let output = try output(
      [settings.width], context.reading(frames), requiresGradient: false, channelsFirst: false)
    guard let from = input.axis, let to = output.axis else {
      preconditionFailure("a sequence has an axis")
    }
    let (source, target) = (input.place, output.place)
    let layer = FrontEndLayer(input: input, output: output) { pass in
      bank.compute(
        samples: pass.samples, valueOffsets: pass.offsets(from), frameOffsets: pass.offsets(to),
        values: pass.floats(source), output: pass.floats(target), scratch: pass.scratch)
    }
    return Compiled(
      layer: layer, output: seen(output, as: context.input),
      multiplyAdds: output.mostUnits * settings.frame * 2 * settings.spectrumBins)
  }

  /// The most values of a frame, and filters: the matrix of the longest frame takes 256 MiB.
  private static let largestFrame = 8192

  /// Settings in values instead of milliseconds.
  private func settings(
    _ filters: FilterBankConfiguration, _ coefficients: Int?, _ lifter: Double, _ kind: String,
    _ context: LayerContext
  ) throws -> FilterBank.Settings {
    let rate = Double(filters.rate)
    let high = filters.high ?? rate / 2
    let (frame, shift) = try framing(
      filters.rate, filters.frameMilliseconds, filters.shiftMilliseconds, kind, context,
      most: Self.largestFrame)
    try require(
      filters.low >= 0 && filters.low < high && high <= rate / 2, "\(kind) high",
      expected: "above low and at most half of the rate", found: high, context)
    try require(
      filters.bins >= 1 && filters.bins <= Self.largestFrame, "\(kind) bins",
      expected: "in 1 ... \(Self.largestFrame)", found: Double(filters.bins), context)
    if let coefficients {
      try require(
        coefficients >= 1 && coefficients <= filters.bins, "\(kind) coefficients",
        expected: "in 1 ... bins", found: Double(coefficients), context)
    }
    return FilterBank.Settings(
      rate: rate, frame: frame, shift: shift, bins: filters.bins, low: filters.low,
      high: high, scale: filters.scale, coefficients: coefficients, lifter: lifter)
  }

  /// A frame and a shift in values instead of milliseconds.
  func framing(
    _ rate: Int, _ frameMilliseconds: Double, _ shiftMilliseconds: Double, _ kind: String,
    _ context: LayerContext, most: Int = 65_536
  ) throws -> (frame: Int, shift: Int) {
    let frame = Double(rate) * frameMilliseconds / 1000
    let shift = Double(rate) * shiftMilliseconds / 1000
    try require(
      frame >= 2 && frame <= Double(most), "\(kind) frame", expected: "of 2 to \(most) values",
      found: frame, context)
    try require(
      shift >= 1 && shift <= 1_000_000, "\(kind) shift", expected: "of at least one value",
      found: shift, context)
    return (Int(frame), Int(shift))
  }

  private mutating func deltas(_ order: Int, _ context: LayerContext) throws -> Compiled {
    try require(order, atLeast: 1, "deltas order", context)
    return try overSteps("deltas", context, widthTimes: 1 + order) { pass, step in
      Kernels.deltas(
        samples: pass.samples, offsets: step.offsets, channels: step.channels, order: order,
        x: step.x, y: step.y)
    }
  }

  private mutating func normalizedSteps(_ context: LayerContext) throws -> Compiled {
    let compiled = try overSteps("cmvn", context) { pass, step in
      Kernels.normalizeSteps(
        samples: pass.samples, offsets: step.offsets, channels: step.channels, x: step.x,
        y: step.y, scratch: pass.scratch)
    }
    scratchCount = max(scratchCount, 4 * compiled.output.channels)
    return compiled
  }

  private mutating func masked(
    _ masks: SpecAugmentConfiguration, _ context: LayerContext
  ) throws -> Compiled {
    let masks = SpectrogramMasks(
      channelMasks: masks.frequencyMasks, channelWidth: masks.frequencyWidth,
      stepMasks: masks.timeMasks, stepWidth: masks.timeWidth, stepFraction: masks.timeFraction)
    let path = pathHash(context.path)
    return try overSteps("specAugment", context, trainingOnly: true) { pass, step in
      Kernels.maskSpectrogram(
        samples: pass.samples, offsets: step.offsets, channels: step.channels, masks: masks,
        random: pass.random(path), x: step.x, y: step.y)
    }
  }

  private mutating func noisy(
    _ least: Double, _ most: Double, _ context: LayerContext
  ) throws -> Compiled {
    try require(
      least <= most, "noise snr", expected: "of a least and a most", found: most, context)
    let path = pathHash(context.path)
    let compiled = try overSteps("noise", context, trainingOnly: true) { pass, step in
      Kernels.addNoise(
        samples: pass.samples, offsets: step.offsets, snr: least...most, random: pass.random(path),
        x: step.x, y: step.y)
    }
    guard compiled.output.channels == 1 else {
      throw ModelError(
        .shape, context.path,
        "noise expected a sound of one channel, found \(described(compiled.output))")
    }
    return compiled
  }

  /// What a closure over sequences is given.
  struct Steps {
    let offsets: UnsafePointer<Int>
    let channels: Int
    let x: UnsafePointer<Float>
    let y: UnsafeMutablePointer<Float>
  }

  /// A layer that runs `body` over sequences, or copies them when not training if `trainingOnly`.
  mutating func overSteps(
    _ kind: String, _ context: LayerContext, widthTimes factor: Int = 1, trainingOnly: Bool = false,
    _ body: @escaping (Pass, Steps) -> Void
  ) throws -> Compiled {
    let input = try sequence(context.input, kind, context.path)
    let output = try output(
      [factor * input.channels], context.reading(input), requiresGradient: false,
      channelsFirst: input.channelsFirst)
    guard let axis = input.axis else { preconditionFailure("a sequence has an axis") }
    let (source, target, scalars) = (input.place, output.place, input.scalars)
    let channels = input.channels
    let layer = FrontEndLayer(input: input, output: output) { pass in
      let (x, y) = (pass.floats(source), pass.floats(target))
      if trainingOnly, !pass.training {
        Kernels.copy(count: pass.count(scalars), source: x, destination: y)
      } else {
        body(
          pass, Steps(offsets: pass.offsets(axis), channels: channels, x: UnsafePointer(x), y: y))
      }
    }
    return Compiled(layer: layer, output: seen(output, as: context.input))
  }
}

extension FrontEndConfiguration {
  /// The layer's name in the configuration.
  var kind: String {
    switch self {
    case .fbank: "fbank"
    case .mfcc: "mfcc"
    case .g711: "g711"
    case .linearPrediction: "linearPrediction"
    case .deltas: "deltas"
    case .cmvn: "cmvn"
    case .specAugment: "specAugment"
    case .noise: "noise"
    case .flip: "flip"
    case .randomCrop: "randomCrop"
    case .cutout: "cutout"
    }
  }
}
