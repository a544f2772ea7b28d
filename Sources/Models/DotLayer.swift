import Configuration
import Parameters
import Tensors

/// The product of the two halves of a vector: `[2 D]` becomes `[1]`.
///
/// `y = x₀ · x₁`; with biases the last coordinate of each half is not multiplied but added, and a bias of all
/// samples is added too: `y = μ + b₀ + b₁ + Σ x₀ x₁` over the other D − 1. Gradients: each half gets the other
/// times dy, a bias dy itself.
final class DotLayer: MicrobatchLayer {
  let input: Value
  let output: Value
  private let rows: Extent
  private let half: Int
  private let factors: Int
  private let bias: Int?
  private var outputGradient = Place.slab(0)
  private var inputGradient: Place?

  /// A product of halves; with `bias`, the place of μ, their last coordinates are biases.
  init(input: Value, output: Value, bias: Int?) {
    self.input = input
    self.output = output
    self.bias = bias
    rows = input.units
    half = input.unitCount / 2
    factors = bias == nil ? half : half - 1
  }

  func forward(_ pass: Pass) {
    Kernels.rowDots(
      rows: pass.count(rows), half: half, factors: factors, x: pass.floats(input.place),
      bias: bias.map { pass.parameters + $0 }, y: pass.floats(output.place))
  }

  func planBackward(_ gradient: Gradient, _ slabs: inout SlabPlan) -> Gradient? {
    outputGradient = gradient.place
    let result = input.requiresGradient ? slabs.acquire(input.count) : nil
    inputGradient = result?.place
    slabs.release(gradient)
    return result
  }

  func backward(_ pass: Pass) {
    let dy = pass.floats(outputGradient)
    let count = pass.count(rows)
    if let bias {
      var sum: Float = 0
      for row in 0..<count { sum += dy[row] }
      pass.gradient(bias)[0] = sum
    }
    guard let inputGradient else { return }
    Kernels.rowDotsGradient(
      rows: count, half: half, factors: factors, x: pass.floats(input.place), dy: dy,
      biases: bias != nil, dx: pass.floats(inputGradient))
  }
}

extension Compiler {
  /// A head whose layers begin with `dot` reads the outputs of encoders, those of one side behind those of the
  /// other and nothing else: flags of learned substitutes, or sides of two lengths, would shift the halves.
  func requireHalves(
    _ head: HeadConfiguration, _ encoders: [Encoder], _ configuration: ModelConfiguration
  ) throws {
    guard case .dot? = head.layers.first, configuration.fusion == .concat else { return }
    guard configuration.missing.substitute != .learned else {
      throw ModelError(
        .setting, "missing",
        "dot expected substitute zero, found learned, which puts a flag for each modality behind the "
          + "vectors")
    }
    let widths = encoders.map { whole($0.output.value).unitCount }
    let total = widths.reduce(0, +)
    let meets = widths.indices.contains { 2 * widths[...$0].reduce(0, +) == total }
    guard widths.count > 1, !meets else { return }
    throw ModelError(
      .shape, "heads.\(head.name).layers.0",
      "dot expected two vectors of one length, found "
        + widths.map { "\($0)" }.joined(separator: " and ")
        + "; make the encoders of both sides end with the same size")
  }

  /// `dot`: `[2 D]` becomes `[1]`.
  mutating func dot(biases: Bool, offset: Double, _ context: LayerContext) throws -> Compiled {
    let input = context.input
    let least = biases ? 4 : 2
    guard input.shape.count == 1, input.unitCount >= least, input.unitCount % 2 == 0 else {
      throw ModelError(
        .shape, context.path,
        "dot expected two vectors of one length of at least \(least / 2), joined by the fusion, found "
          + "\(described(input)); make both encoders end with the same size")
    }
    let bias =
      biases ? try slot("bias", [1], context, .constant(Float(offset))) : nil
    meetHalves(input, biases: biases)
    let output = try output(
      [1], context, .channels(nil), requiresGradient: biases || input.requiresGradient,
      channelsFirst: false)
    return Compiled(
      layer: DotLayer(input: input, output: output, bias: bias), output: output,
      multiplyAdds: input.count / 2)
  }
}

extension Compiler {
  /// Couples the channels of two vectors that are multiplied; the last of each stays where it is a bias.
  private mutating func meetHalves(_ input: Value, biases: Bool) {
    guard let numbers = input.channelUnits?.numbers else { return }
    let half = numbers.count / 2
    let (first, second) = (numbers[..<half], numbers[half...])
    units.couple(ChannelUnits(first), ChannelUnits(second))
    if biases { units.fix(ChannelUnits(first.suffix(1) + second.suffix(1))) }
  }
}

extension Model {
  /// The encoders' outputs of the last pass, joined in the order of the modalities: `[n, ΣD]`.
  ///
  /// - Returns: the first number of the first sample, valid until the next pass; nil where the outputs do not
  ///   lie in the arena, as with one modality without an encoder, or where no head reads the fusion.
  public var fusedOutput: UnsafePointer<Float>? {
    guard case .region(let region)? = fusion.output?.value.place else { return nil }
    return UnsafePointer(lanes[0].arena.floats(region))
  }

  /// Numbers that each modality has in ``fusedOutput`` where the fusion joins them side by side, in order.
  public var modalityWidths: [Int] { fusion.encoders.map(\.output.value.count) }

  /// ΣD: numbers of a sample in ``fusedOutput``; nil where samples differ.
  public var fusedWidth: Int? {
    fusion.output.flatMap { $0.value.axis == nil ? $0.value.unitCount : nil }
  }
}
