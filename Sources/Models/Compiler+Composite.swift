import Configuration
import Tensors

extension Compiler {
  /// `residual`: `layers(x) + shortcut(x)`.
  mutating func residual(
    layers: [LayerConfiguration], shortcut: [LayerConfiguration], _ context: LayerContext
  ) throws -> Compiled {
    guard !layers.isEmpty else {
      throw ModelError(.setting, context.path, "residual expected at least one layer, found none")
    }
    let input = context.input.shared
    let body = try chain(
      layers, from: input, prefix: "\(context.path).layers", keepsLast: true)
    let regions = plan.regions.count
    let side = try chain(shortcut, from: input, prefix: "\(context.path).shortcut")
    guard body.output.element == .float, side.output.element == .float else {
      throw ModelError(
        .element, context.path,
        "residual expected values from layers and shortcut, found ids; put an embedding in both")
    }
    guard body.output.shape == side.output.shape, body.output.axis == side.output.axis else {
      throw ModelError(
        .shape, context.path,
        "residual expected layers and shortcut of one shape, found \(body.output.shape) and "
          + "\(side.output.shape); "
          + (shortcut.isEmpty
            ? "give a shortcut, for example a 1x1 conv with the same stride and outputs"
            : "make strides and outputs of both agree"))
    }
    var endsInNorm = false
    if case .batchNorm = layers.last { endsInNorm = true }
    let layer = try sum(body, side, from: input, endsInNorm: endsInNorm, context)
    release(side, since: regions)
    return Compiled(layer: layer, output: layer.output)
  }

  /// The sum of two chains, over the first one's output where that is legal, with the relu behind it.
  private mutating func sum(
    _ body: Chain, _ side: Chain, from input: Value, endsInNorm: Bool, _ context: LayerContext
  ) throws -> ResidualLayer {
    units.couple(body.output.channelUnits, side.output.channelUnits)
    var output = body.output
    output.requiresGradient = body.output.requiresGradient || side.output.requiresGradient
    output.overwritable = true
    output.channelsFirst = body.output.channelsFirst && side.output.channelsFirst
    if body.output.flattened != side.output.flattened { output.flattened = nil }
    if !body.output.overwritable {
      output.place = .region(plan.reserve(try memory(output, context.path)))
    }
    output.isRectified = takesRelu(context)
    output.rectifier = output.isRectified ? Rectifier() : nil
    let isInPlace = output.place == body.output.place
    return ResidualLayer(
      input: input, output: output, body: body, shortcut: side, index: summaries.count,
      norm: endsInNorm && isInPlace ? body.lastLayer as? BatchNormLayer : nil,
      relu: output.rectifier,
      // The relu before it has no other reader: the layers of a chain follow one another.
      inputRelu: context.previous == .activation(.relu) ? context.input.rectifier : nil)
  }

  /// `concat`: the branches' outputs side by side on the last axis.
  mutating func concat(
    _ branches: [[LayerConfiguration]], _ context: LayerContext
  ) throws -> Compiled {
    guard !branches.isEmpty else {
      throw ModelError(.setting, context.path, "concat expected at least one branch, found none")
    }
    let input = context.input.shared
    var chains: [Chain] = []
    for (index, branch) in branches.enumerated() {
      chains.append(
        try chain(branch, from: input, prefix: "\(context.path).branches.\(index)"))
    }
    let leading = chains[0].output.shape.dropLast()
    for (index, chain) in chains.enumerated() {
      guard chain.output.element == .float else {
        throw ModelError(
          .element, "\(context.path).branches.\(index)",
          "concat expected values, found ids; put an embedding in the branch")
      }
      guard !chain.output.shape.isEmpty, chain.output.shape.dropLast() == leading,
        chain.output.axis == chains[0].output.axis
      else {
        throw ModelError(
          .shape, "\(context.path).branches.\(index)",
          "concat expected branches that agree in all extents but the last, found "
            + "\(chains[0].output.shape) and \(chain.output.shape); make strides and padding agree")
      }
    }
    let width = chains.reduce(0) { $0 + $1.output.channels }
    let joined = LayerContext(
      path: context.path, input: chains[0].output, previous: nil, next: nil)
    let channels = ChannelUnits.joined(
      chains.map { ($0.output.channelUnits, $0.output.channels) })
    let output = try output(
      leading + [width], joined, .channels(channels),
      requiresGradient: chains.contains { $0.output.requiresGradient },
      channelsFirst: chains.allSatisfy { $0.output.channelsFirst })
    return Compiled(
      layer: ConcatLayer(
        input: input, output: output, chains: chains, index: summaries.count), output: output)
  }
}
