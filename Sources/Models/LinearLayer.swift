import Tensors

/// `y = x Wᵀ + b` over the last axis of any shape: `[…, I]` becomes `[…, O]`.
final class LinearLayer: MicrobatchLayer {
  let input: Value
  let output: Value
  private let rows: Extent
  private let inputs, outputs: Int
  private let weight: Int
  private let bias: Int?
  private var outputGradient = Place.slab(0)
  private var inputGradient: Place?

  /// A linear layer whose slots begin at `weight` and `bias`.
  init(input: Value, output: Value, weight: Int, bias: Int?) {
    self.input = input
    self.output = output
    self.weight = weight
    self.bias = bias
    rows = input.rows
    inputs = input.channels
    outputs = output.channels
  }

  func forward(_ pass: Pass) {
    Kernels.linearForward(
      samples: pass.count(rows), inputs: inputs, outputs: outputs,
      x: pass.floats(input.place), weight: pass.parameters + weight,
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
    let rows = pass.count(self.rows)
    let dy = pass.floats(outputGradient)
    Kernels.linearWeightGradient(
      samples: rows, inputs: inputs, outputs: outputs, x: pass.floats(input.place), dy: dy,
      weightGradient: pass.gradient(weight), biasGradient: bias.map { pass.gradient($0) })
    guard let inputGradient else { return }
    Kernels.linearInputGradient(
      samples: rows, inputs: inputs, outputs: outputs, dy: dy, weight: pass.parameters + weight,
      dx: pass.floats(inputGradient))
  }
}
