import Configuration
import Tensors

extension Compiler {
  /// `maxPool` over `[H, W, C]` or `[T, C]`.
  mutating func maxPool(
    _ settings: PoolConfiguration, _ context: LayerContext
  ) throws -> Compiled {
    try pool(settings, kind: "maxPool", keepsWinners: true, context)
  }

  /// `averagePool` over `[H, W, C]` or `[T, C]`.
  mutating func averagePool(
    _ settings: PoolConfiguration, _ context: LayerContext
  ) throws -> Compiled {
    try pool(settings, kind: "averagePool", keepsWinners: false, context)
  }

  private mutating func pool(
    _ settings: PoolConfiguration, kind: String, keepsWinners: Bool, _ context: LayerContext
  ) throws -> Compiled {
    let whole = whole(context.input)
    if whole.isSequence {
      return try pool(packed: settings, kind: kind, keepsWinners: keepsWinners, context)
    }
    let context = context.reading(whole)
    let (geometry, shape) = try pool(settings, kind: kind, shape: whole.shape, context)
    let output = try poolOutput(shape, context)
    guard keepsWinners else {
      return Compiled(
        layer: AveragePoolLayer(input: whole, output: output, geometry: geometry), output: output)
    }
    let winners = plan.reserve(try memory(output, context.path), of: Int32.self)
    return Compiled(
      layer: MaxPoolLayer(input: whole, output: output, geometry: geometry, winners: winners),
      output: output)
  }

  /// A pool over sequences of different lengths.
  private mutating func pool(
    packed settings: PoolConfiguration, kind: String, keepsWinners: Bool, _ context: LayerContext
  ) throws -> Compiled {
    let input = try sequence(context.input, kind, context.path)
    let (geometry, _) = try pool(
      settings, kind: kind, shape: [input.mostUnits, input.channels], context)
    var steps = input
    let window = Axis.Window(
      size: settings.size[1], stride: settings.stride[1],
      padding: settings.padding[1], dilation: 1)
    try slide(&steps, window, kind, context.path)
    let output = try poolOutput([input.channels], context.reading(steps))
    guard let from = input.axis, let to = output.axis else {
      preconditionFailure("a sequence has an axis")
    }
    let winners =
      keepsWinners ? plan.reserve(try memory(output, context.path), of: Int32.self) : nil
    return Compiled(
      layer: SequencePoolLayer(
        input: input, output: output, inputAxis: from, outputAxis: to, geometry: geometry,
        winners: winners),
      output: output)
  }

  /// `globalAveragePool`: `[…, C]` becomes `[C]`.
  mutating func globalAveragePool(_ context: LayerContext) throws -> Compiled {
    let whole = whole(context.input)
    guard !whole.isSequence else {
      throw ModelError(
        .shape, context.path,
        "globalAveragePool expected samples of one size, found \(described(whole)); use pool with "
          + "kind mean")
    }
    let output = try poolOutput([whole.channels], context.reading(whole))
    return Compiled(
      layer: GlobalAveragePoolLayer(input: whole, output: output), output: output)
  }

  private mutating func poolOutput(_ shape: [Int], _ context: LayerContext) throws -> Value {
    try output(
      shape, context, .same, requiresGradient: context.input.requiresGradient,
      channelsFirst: context.input.channelsFirst)
  }

  /// Checks a window against the input; a sequence is an image of height 1.
  private func pool(
    _ settings: PoolConfiguration, kind: String, shape: [Int], _ context: LayerContext
  ) throws -> (PoolGeometry, [Int]) {
    guard shape.count == 2 || shape.count == 3 else {
      throw ModelError(
        .shape, context.path,
        "\(kind) expected an image [H, W, C] or a sequence [T, C], found \(shape); move it "
          + "before flatten")
    }
    let isSequence = shape.count == 2
    let size = isSequence ? [1] + settings.size.suffix(1) : settings.size
    let stride = isSequence ? [1] + settings.stride.suffix(1) : settings.stride
    let padding = isSequence ? [0] + settings.padding.suffix(1) : settings.padding
    try check(pair: size, atLeast: 1, "\(kind) size", context)
    try check(pair: stride, atLeast: 1, "\(kind) stride", context)
    try check(pair: padding, atLeast: 0, "\(kind) padding", context)
    let extents = isSequence ? [1, shape[0]] : [shape[0], shape[1]]
    try check(size: size, padding: padding, extents: extents, kind: kind, context)
    let geometry = PoolGeometry(
      height: extents[0], width: extents[1], channels: shape[shape.count - 1],
      size: size, stride: stride, padding: padding)
    let channels = shape[shape.count - 1]
    return (
      geometry,
      isSequence
        ? [geometry.outWidth, channels] : [geometry.outHeight, geometry.outWidth, channels]
    )
  }

  private func check(
    size: [Int], padding: [Int], extents: [Int], kind: String, _ context: LayerContext
  ) throws {
    for axis in 0..<2 {
      guard 2 * padding[axis] <= size[axis] else {
        throw ModelError(
          .setting, context.path,
          "\(kind) expected padding of at most half its size, found \(padding[axis]) for size "
            + "\(size[axis])")
      }
      guard size[axis] <= extents[axis] + 2 * padding[axis] else {
        throw ModelError(
          .shape, context.path,
          "\(kind) expected an input at least as large as its window, found a window of "
            + "\(size[axis]) over \(extents[axis] + 2 * padding[axis]) cells of an input "
            + "\(context.input.shape); use a smaller window or fewer poolings")
      }
    }
  }
}
