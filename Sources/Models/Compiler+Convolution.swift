import Configuration
import Parameters
import Tensors

extension Compiler {
  /// `conv` over `[H, W, C]`; `[H, W]` counts as `[H, W, 1]`.
  mutating func convolution(
    _ settings: ConvolutionConfiguration, _ context: LayerContext
  ) throws -> Compiled {
    var whole = whole(context.input)
    var shape = whole.shape
    if shape.count == 2 { shape.append(1) }
    forgetChannels(of: &whole, isPositions: whole.shape.count == 2, context.path)
    guard shape.count == 3, !whole.isSequence else {
      throw ModelError(
        .shape, context.path,
        "conv expected an image [H, W, C], found \(described(context.input)); "
          + (shape.count < 2 ? "use conv1d or linear, or move it before flatten" : "use linear"))
    }
    let geometry = try geometry(
      settings, height: shape[0], width: shape[1], channels: shape[2], kind: "conv", context)
    return try convolution(
      settings, geometry, [geometry.outHeight, geometry.outWidth, settings.out], flat: false,
      context.reading(whole))
  }

  /// `conv1d` over `[T, C]`; `[T]` counts as `[T, 1]`.
  ///
  /// T may differ from sample to sample.
  mutating func convolution1d(
    _ settings: ConvolutionConfiguration, _ context: LayerContext
  ) throws -> Compiled {
    var flat = settings
    // Only the last of each pair counts: the height of a sequence is 1, without padding.
    flat.kernel = [1] + settings.kernel.suffix(1)
    flat.stride = [1] + settings.stride.suffix(1)
    flat.padding = [0] + settings.padding.suffix(1)
    flat.dilation = [1] + settings.dilation.suffix(1)
    var whole = whole(context.input)
    if whole.isSequence { return try convolution1d(packed: flat, context) }
    let shape = whole.shape
    forgetChannels(of: &whole, isPositions: shape.count == 1, context.path)
    guard shape.count == 1 || shape.count == 2 else {
      throw ModelError(
        .shape, context.path,
        "conv1d expected a sequence [T, C] or [T], found \(shape); "
          + (shape.count == 3 ? "use conv for images" : "use linear"))
    }
    let geometry = try geometry(
      flat, height: 1, width: shape[0], channels: shape.count == 2 ? shape[1] : 1,
      kind: "conv1d", context)
    return try convolution(
      flat, geometry, [geometry.outWidth, settings.out], flat: true, context.reading(whole))
  }

  /// `conv1d` over sequences of different lengths.
  private mutating func convolution1d(
    packed settings: ConvolutionConfiguration, _ context: LayerContext
  ) throws -> Compiled {
    let input = try sequence(context.input, "conv1d", context.path)
    let context = context.reading(input)
    let geometry = try geometry(
      settings, height: 1, width: input.mostUnits, channels: input.channels, kind: "conv1d",
      context)
    var steps = input
    let window = Axis.Window(
      size: settings.kernel[1], stride: settings.stride[1], padding: settings.padding[1],
      dilation: settings.dilation[1])
    try slide(&steps, window, "conv1d", context.path)
    let (weight, bias, own) = try slots(settings, geometry, flat: true, context)
    let output = try output(
      [settings.out], context.reading(steps), .channels(own), requiresGradient: true,
      channelsFirst: true)
    scratchCount = max(scratchCount, SequenceConvolutionLayer.scratchCount(geometry))
    guard let from = input.axis, let to = output.axis else {
      preconditionFailure("a sequence has an axis")
    }
    return Compiled(
      layer: SequenceConvolutionLayer(
        input: input, output: output, inputAxis: from, outputAxis: to, geometry: geometry,
        weight: weight, bias: bias, tap: tap(ofWeightAt: weight)),
      output: output, multiplyAdds: geometry.multiplyAddsPerSample)
  }

  /// Checks `settings` against an input and gives the geometry.
  private func geometry(
    _ settings: ConvolutionConfiguration, height: Int, width: Int, channels: Int, kind: String,
    _ context: LayerContext
  ) throws -> ConvolutionGeometry {
    try check(settings, channels: channels, kind: kind, context)
    let extents = [height, width]
    for axis in 0..<2 {
      let reach = settings.dilation[axis] * (settings.kernel[axis] - 1) + 1
      let padded = extents[axis] + 2 * settings.padding[axis]
      guard reach > padded else { continue }
      throw ModelError(
        .shape, context.path,
        "\(kind) expected an input at least as large as its kernel, found kernel \(reach) "
          + "(with dilation) over \(padded) cells (with padding) of an input "
          + "\(context.input.shape); use a smaller kernel, more padding or fewer poolings")
    }
    return ConvolutionGeometry(
      height: height, width: width, channels: channels, outChannels: settings.out,
      kernel: settings.kernel, stride: settings.stride, padding: settings.padding,
      dilation: settings.dilation, groups: settings.groups, precision: precision)
  }

  /// Checks each setting by itself, and groups against channels.
  private func check(
    _ settings: ConvolutionConfiguration, channels: Int, kind: String, _ context: LayerContext
  ) throws {
    try require(settings.out, atLeast: 1, "\(kind) out", context)
    try require(settings.groups, atLeast: 1, "\(kind) groups", context)
    try check(pair: settings.kernel, atLeast: 1, "\(kind) kernel", context)
    try check(pair: settings.stride, atLeast: 1, "\(kind) stride", context)
    try check(pair: settings.padding, atLeast: 0, "\(kind) padding", context)
    try check(pair: settings.dilation, atLeast: 1, "\(kind) dilation", context)
    for (count, name) in [(channels, "input channels"), (settings.out, "outputs")]
    where count % settings.groups != 0 {
      throw ModelError(
        .setting, context.path,
        "\(kind) expected groups that divide its \(count) \(name), found \(settings.groups)")
    }
  }

  /// Checks a pair of (height, width).
  func check(
    pair: [Int], atLeast least: Int, _ name: String, _ context: LayerContext
  ) throws {
    guard pair.count == 2 else {
      throw ModelError(
        .setting, context.path, "expected two numbers for \(name), found \(pair.count)")
    }
    for extent in pair {
      try require(extent, atLeast: least, name, context)
      // Keeps sums and products of extents far from overflow.
      guard extent > 1 << 24 else { continue }
      throw ModelError(
        .setting, context.path, "expected \(name) of at most 2^24, found \(extent)")
    }
  }

  /// Reserves slots, output and scratch of a checked convolution.
  private mutating func convolution(
    _ settings: ConvolutionConfiguration, _ geometry: ConvolutionGeometry, _ shape: [Int],
    flat: Bool, _ context: LayerContext
  ) throws -> Compiled {
    let (weight, bias, own) = try slots(settings, geometry, flat: flat, context)
    var output = try output(
      shape, context, .channels(own), requiresGradient: true, channelsFirst: true)
    output.isRectified = takesRelu(context)
    scratchCount = max(scratchCount, ConvolutionLayer.scratchCount(geometry))
    return Compiled(
      layer: ConvolutionLayer(
        input: context.input, output: output, geometry: geometry, weight: weight, bias: bias,
        tap: tap(ofWeightAt: weight)),
      output: output, multiplyAdds: geometry.multiplyAddsPerSample)
  }

  /// Weights and, where wanted, biases; and the units of its outputs.
  private mutating func slots(
    _ settings: ConvolutionConfiguration, _ geometry: ConvolutionGeometry, flat: Bool,
    _ context: LayerContext
  ) throws -> (weight: Int, bias: Int?, own: ChannelUnits?) {
    let perGroup = geometry.channels / settings.groups
    let kernel = settings.kernel
    let fanIn = kernel[0] * kernel[1] * perGroup
    let bound = Initializer.uniform(bound: Float(1 / Double(fanIn).squareRoot()))
    let own = filters(settings, geometry, context)
    let weight = try slot(
      "weight", [kernel[0], kernel[1], perGroup, settings.out], context, bound,
      foreign: .convolution(flat: flat), decays: true,
      units: [nil, nil, settings.groups == 1 ? context.input.channelUnits : nil, own])
    let bias =
      settings.bias ? try slot("bias", [settings.out], context, bound, units: [own]) : nil
    return (weight, bias, own)
  }

  /// The units of a convolution's outputs.
  ///
  /// Where each channel has a group and an output of its own, the output is its channel's. Other groups must
  /// stay as large as they are.
  private mutating func filters(
    _ settings: ConvolutionConfiguration, _ geometry: ConvolutionGeometry, _ context: LayerContext
  ) -> ChannelUnits? {
    let input = context.input.channelUnits
    if settings.groups == 1 {
      return units.add(settings.out, self.settings("out", context), .filters)
    }
    guard let input, settings.groups == geometry.channels, settings.out == geometry.channels else {
      units.fix(input, unruled: context.path)
      return nil
    }
    let own = units.add(
      settings.out, self.settings("out", context) + self.settings("groups", context), .filters)
    units.couple(own, input)
    return own
  }
}
