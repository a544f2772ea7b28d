import Configuration
import Glibc
import Parameters
import Tensors

extension Compiler {
  /// The most scalars of a tensor fusion.
  private static let largestTensor = 65_536

  /// `sum` and `mean`.
  mutating func sumFusion(
    _ isMean: Bool, countsAll: Bool, _ names: [String], _ columns: FusionColumns,
    _ context: LayerContext
  ) throws -> Compiled {
    let width = columns.parts[0].width
    try requireWidth(width, isMean ? "mean" : "sum", names, columns)
    let summands = columns.parts.map { channels($0, context.input) }
    for other in summands.dropFirst() { units.couple(summands[0], other) }
    let output = try output(
      [width], context, .channels(summands[0]), requiresGradient: context.input.requiresGradient,
      channelsFirst: false)
    let layer = SumFusionLayer(
      input: context.input, output: output, columns: columns, isMean: isMean, countsAll: countsAll)
    return Compiled(layer: layer, output: output)
  }

  /// `gated`: slots `fusion.NAME.weight` and `fusion.NAME.gate`.
  mutating func gatedFusion(
    _ out: Int, _ names: [String], _ columns: FusionColumns, _ context: LayerContext
  ) throws -> Compiled {
    try require(out, atLeast: 1, "gated out", context)
    var slots: [GatedFusionLayer.Slots] = []
    let own = units.add(out, settings("out", context), .neurons)
    for (name, part) in zip(names, columns.parts) {
      let weight = try slot(
        "\(name).weight", [out, part.width], context, Self.bound(part.width), decays: true,
        units: [own, channels(part, context.input)])
      let gate = try slot(
        "\(name).gate", [out, columns.width], context, Self.bound(columns.width), decays: true,
        units: [own, context.input.channelUnits])
      slots.append(GatedFusionLayer.Slots(weight: weight, gate: gate))
    }
    // The way back reads the output.
    let output = try output(
      [out], context, .channels(own), requiresGradient: true, overwritable: false,
      channelsFirst: false)
    let count = columns.parts.count
    let scalars = try product([count, out, capacity], context.path)
    let layer = GatedFusionLayer(
      input: context.input, output: output, columns: columns, slots: slots,
      hidden: plan.reserve(scalars), gates: plan.reserve(scalars),
      present: plan.reserve(count, of: Int32.self), precision: precision)
    scratchCount = max(scratchCount, capacity * columns.width, 2 * out * count)
    return Compiled(
      layer: layer, output: output, multiplyAdds: out * columns.width * (1 + count))
  }

  /// `lowRank`: slots `fusion.NAME.weight`, `fusion.NAME.bias` and `fusion.bias`.
  ///
  /// A product of M factors of deviation s has deviation s^M, and the sum of R of them √R times that;
  /// s is chosen so that this is 1 for inputs of deviation 1.
  mutating func lowRankFusion(
    _ rank: Int, _ out: Int, _ names: [String], _ columns: FusionColumns, _ context: LayerContext
  ) throws -> Compiled {
    try require(rank, atLeast: 1, "lowRank rank", context)
    try require(out, atLeast: 1, "lowRank out", context)
    let width = try product([rank, out], context.path)
    let own = units.add(out, settings("out", context), .neurons)
    let rows = units.tiled(own, rank)
    let factor = pow(1 / Double(rank).squareRoot(), 1 / Double(columns.parts.count))
    var slots: [LowRankFusionLayer.Slots] = []
    for (name, part) in zip(names, columns.parts) {
      let deviation = Initializer.normal(
        deviation: Float(factor / Double(part.width + 1).squareRoot()))
      let weight = try slot(
        "\(name).weight", [width, part.width], context, deviation, decays: true,
        units: [rows, channels(part, context.input)])
      let bias = try slot(
        "\(name).bias", [width], context, deviation, units: [rows])
      slots.append(LowRankFusionLayer.Slots(weight: weight, bias: bias))
    }
    let bias = try slot("bias", [out], context, .constant(0), units: [own])
    let output = try output(
      [out], context, .channels(own), requiresGradient: true, channelsFirst: false)
    let scalars = try product([columns.parts.count, width, capacity], context.path)
    scratchCount = max(scratchCount, capacity * columns.widest)
    return Compiled(
      layer: LowRankFusionLayer(
        input: context.input, output: output, columns: columns, slots: slots, bias: bias,
        rank: rank, factors: plan.reserve(scalars), precision: precision), output: output,
      multiplyAdds: width * (columns.width + columns.parts.count))
  }

  /// `tensor`.
  mutating func tensorFusion(
    _ columns: FusionColumns, _ context: LayerContext
  ) throws -> Compiled {
    var size = 1
    for part in columns.parts {
      size *= part.width + 1
      guard size <= Self.largestTensor else {
        let widths = columns.parts.map { "\($0.width)" }.joined(separator: ", ")
        throw ModelError(
          .size, context.path,
          "tensor expected a product of all widths + 1 of at most \(Self.largestTensor), found "
            + "widths \(widths); end the encoders with narrower layers, or use lowRank")
      }
    }
    let output = try output(
      [size], context, requiresGradient: context.input.requiresGradient, channelsFirst: false)
    scratchCount = max(scratchCount, 2 * size)
    return Compiled(
      layer: TensorFusionLayer(input: context.input, output: output, columns: columns),
      output: output, multiplyAdds: size)
  }

  /// `lateProduct`.
  mutating func lateProduct(
    _ prior: [Double]?, _ names: [String], _ columns: FusionColumns, _ context: LayerContext
  ) throws -> Compiled {
    let classes = prior?.count ?? columns.parts[0].width
    try requireWidth(classes, "lateProduct", names, columns)
    try require(classes, atLeast: 2, "lateProduct classes", context)
    let shares = prior ?? [Double](repeating: 1 / Double(classes), count: classes)
    try require(
      shares.allSatisfy { $0 > 0 && $0 <= 1 }, "lateProduct prior", expected: "above 0",
      found: shares.min() ?? 0, context)
    let output = try output(
      [classes], context, requiresGradient: context.input.requiresGradient, channelsFirst: false)
    let scalars = try product([columns.parts.count, classes, capacity], context.path)
    scratchCount = max(scratchCount, capacity * classes)
    return Compiled(
      layer: LateProductLayer(
        input: context.input, output: output, columns: columns, prior: shares,
        probabilities: plan.reserve(scalars)), output: output)
  }

  private func requireWidth(
    _ width: Int, _ kind: String, _ names: [String], _ columns: FusionColumns
  ) throws {
    for (name, part) in zip(names, columns.parts) where part.width != width {
      throw ModelError(
        .shape, "modalities.\(name)",
        "\(kind) expected \(width) outputs, as many as the others have, found \(part.width)")
    }
  }

  private static func bound(_ inputs: Int) -> Initializer {
    .uniform(bound: Float(1 / Double(inputs).squareRoot()))
  }
}
