import Tensors

/// Normalisation of each row by its own mean and variance over the last axis.
final class LayerNormLayer: MicrobatchLayer {
  let input: Value
  let output: Value
  var readsOutput: Bool { false }
  private let rows: Extent
  private let width: Int
  private let epsilon: Float
  private let weight, bias: Int
  private let mean, inverseDeviation: Region
  private var outputGradient = Place.slab(0)
  private var inputGradient = Place.slab(0)

  /// A layer norm whose slots begin at `weight` and `bias`, with two regions of one float a row.
  init(
    input: Value, output: Value, epsilon: Float, weight: Int, bias: Int, mean: Region,
    inverseDeviation: Region
  ) {
    self.input = input
    self.output = output
    self.epsilon = epsilon
    self.weight = weight
    self.bias = bias
    self.mean = mean
    self.inverseDeviation = inverseDeviation
    rows = input.rows
    width = input.channels
  }

  func forward(_ pass: Pass) {
    Kernels.layerNormForward(
      rows: pass.count(rows), width: width, x: pass.floats(input.place),
      epsilon: epsilon, weight: pass.parameters + weight, bias: pass.parameters + bias,
      y: pass.floats(output.place), mean: pass.floats(mean),
      inverseDeviation: pass.floats(inverseDeviation))
  }

  func planBackward(_ gradient: Gradient, _ slabs: inout SlabPlan) -> Gradient? {
    outputGradient = gradient.place
    // The kernel writes dx always, so it gets a place even where nobody reads it.
    let result = slabs.acquire(input.count)
    inputGradient = result.place
    slabs.release(gradient)
    if input.requiresGradient { return result }
    slabs.release(result)
    return nil
  }

  func backward(_ pass: Pass) {
    Kernels.layerNormBackward(
      rows: pass.count(rows), width: width, x: pass.floats(input.place),
      mean: pass.floats(mean), inverseDeviation: pass.floats(inverseDeviation),
      weight: pass.parameters + weight, dy: pass.floats(outputGradient),
      dx: pass.floats(inputGradient), dWeight: pass.gradient(weight), dBias: pass.gradient(bias))
  }
}
