import Parameters
import Tensors

/// A step for each number of a table: `[F]` becomes `[F, size]` with `y_j = x_j w_j + b_j`.
///
/// Gorishniy, Rubachev, Khrulkov and Babenko, "Revisiting deep learning models for tabular data", 2021,
/// section 3.3. Gradients: dw_j = Σ x_j dy_j and db_j = Σ dy_j over the samples, dx_j = w_j · dy_j.
final class FeatureTokenLayer: MicrobatchLayer {
  let input: Value
  let output: Value
  private let rows: Extent
  private let features, size: Int
  private let weight, bias: Int
  private var outputGradient = Place.slab(0)
  private var inputGradient: Place?

  /// A tokeniser whose slots, `[F, size]` each, begin at `weight` and `bias`.
  init(input: Value, output: Value, weight: Int, bias: Int) {
    self.input = input
    self.output = output
    self.weight = weight
    self.bias = bias
    rows = input.units
    features = input.unitCount
    size = output.channels
  }

  func forward(_ pass: Pass) {
    let (x, y) = (pass.floats(input.place), pass.floats(output.place))
    let (weights, biases) = (pass.parameters + weight, pass.parameters + bias)
    for row in 0..<pass.count(rows) {
      for feature in 0..<features {
        let value = x[row * features + feature]
        let (w, b) = (weights + feature * size, biases + feature * size)
        let token = y + (row * features + feature) * size
        for place in 0..<size { token[place] = value * w[place] + b[place] }
      }
    }
  }

  func planBackward(_ gradient: Gradient, _ slabs: inout SlabPlan) -> Gradient? {
    outputGradient = gradient.place
    let result = input.requiresGradient ? slabs.acquire(input.count) : nil
    inputGradient = result?.place
    slabs.release(gradient)
    return result
  }

  func backward(_ pass: Pass) {
    let (x, dy) = (pass.floats(input.place), pass.floats(outputGradient))
    let (dWeights, dBiases) = (pass.gradient(weight), pass.gradient(bias))
    dWeights.update(repeating: 0, count: features * size)
    dBiases.update(repeating: 0, count: features * size)
    let count = pass.count(rows)
    for row in 0..<count {
      for feature in 0..<features {
        let value = x[row * features + feature]
        let (dw, db) = (dWeights + feature * size, dBiases + feature * size)
        let token = dy + (row * features + feature) * size
        for place in 0..<size {
          dw[place] += value * token[place]
          db[place] += token[place]
        }
      }
    }
    guard let inputGradient else { return }
    let dx = pass.floats(inputGradient)
    for index in 0..<count * features {
      let (w, token) = (pass.parameters + weight + index % features * size, dy + index * size)
      var sum: Float = 0
      for place in 0..<size { sum += w[place] * token[place] }
      dx[index] = sum
    }
  }
}

/// A learned step before those of each sample that has the sequence.
final class ClassTokenLayer: MicrobatchLayer {
  let input: Value
  let output: Value
  private let source, target: Int
  private let width: Int
  private let weight: Int
  private var outputGradient = Place.slab(0)
  private var inputGradient: Place?

  /// Puts the slot `[C]` at `weight` before the steps of `source`, which are on `target` then.
  init(input: Value, output: Value, from source: Int, to target: Int, weight: Int) {
    self.input = input
    self.output = output
    self.source = source
    self.target = target
    self.weight = weight
    width = output.channels
  }

  func forward(_ pass: Pass) {
    let (x, y) = (pass.floats(input.place), pass.floats(output.place))
    let (from, to) = (pass.offsets(source), pass.offsets(target))
    for sample in 0..<pass.samples where to[sample + 1] > to[sample] {
      let token = y + to[sample] * width
      token.update(from: pass.parameters + weight, count: width)
      (token + width).update(
        from: x + from[sample] * width, count: (from[sample + 1] - from[sample]) * width)
    }
  }

  func planBackward(_ gradient: Gradient, _ slabs: inout SlabPlan) -> Gradient? {
    outputGradient = gradient.place
    let result = input.requiresGradient ? slabs.acquire(input.count) : nil
    inputGradient = result?.place
    slabs.release(gradient)
    return result
  }

  func backward(_ pass: Pass) {
    let dy = UnsafePointer(pass.floats(outputGradient))
    let dx = inputGradient.map { pass.floats($0) }
    let sum = pass.gradient(weight)
    sum.update(repeating: 0, count: width)
    let (from, to) = (pass.offsets(source), pass.offsets(target))
    for sample in 0..<pass.samples where to[sample + 1] > to[sample] {
      let token = dy + to[sample] * width
      Kernels.addInto(count: width, source: token, destination: sum)
      guard let dx else { continue }
      (dx + from[sample] * width).update(
        from: token + width, count: (from[sample + 1] - from[sample]) * width)
    }
  }
}

extension Compiler {
  /// `featureTokens`: `[F]` becomes `[F, size]`.
  mutating func featureTokens(size: Int, _ context: LayerContext) throws -> Compiled {
    try require(size, atLeast: 1, "featureTokens size", context)
    let input = context.input
    guard !input.isSequence, input.shape.count <= 1 else {
      throw ModelError(
        .shape, context.path,
        "featureTokens expected the numbers [F] of a table, found \(described(input)); put flatten "
          + "before it, or leave it out where there are steps already")
    }
    let bound = Self.tokenBound(size)
    let own = units.add(size, settings("size", context), .embeddings)
    let axes = [input.channelUnits, own]
    // The numbers become steps, whose count is not an option.
    units.fix(input.channelUnits, unruled: context.path)
    let weight = try slot("weight", [input.unitCount, size], context, bound, units: axes)
    let bias = try slot("bias", [input.unitCount, size], context, bound, units: axes)
    let output = try output(
      [input.unitCount, size], context, .channels(own), requiresGradient: true,
      channelsFirst: false)
    return Compiled(
      layer: FeatureTokenLayer(input: input, output: output, weight: weight, bias: bias),
      output: output, multiplyAdds: input.unitCount * size)
  }

  /// `classToken`: `[T, C]` becomes `[1 + T, C]`.
  mutating func classToken(_ context: LayerContext) throws -> Compiled {
    let input = try sequence(context.input, "classToken", context.path)
    guard let axis = input.axis else { preconditionFailure("a sequence has an axis") }
    let own = axes.axes[axis]
    // Steps that are the same for all samples stay so.
    var rule = Axis.Rule.extended(parent: axis, count: 1, base: own.base)
    if case .repeated(let parent, let count) = own.rule {
      rule = .repeated(parent: parent, count: count + 1)
    }
    var longer = input
    setAxis(
      of: &longer,
      Axis(rule: rule, most: input.mostUnits + 1, isSequence: true, base: own.base))
    let weight = try slot(
      "weight", [input.channels], context, Self.tokenBound(input.channels),
      units: [input.channelUnits])
    let output = try output(
      [input.channels], context.reading(longer), .same, requiresGradient: true,
      channelsFirst: false)
    guard let target = output.axis else { preconditionFailure("a sequence has an axis") }
    return Compiled(
      layer: ClassTokenLayer(
        input: input, output: output, from: axis, to: target, weight: weight),
      output: seen(output, as: context.input))
  }

  /// Tokens begin uniform in ±1 / √size, as in the paper's program.
  private static func tokenBound(_ size: Int) -> Initializer {
    .uniform(bound: Float(1 / Double(size).squareRoot()))
  }
}
