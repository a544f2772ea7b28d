import Tensors

/// Zeroes whole steps with probability `rate` and scales the others by `1 / (1 - rate)`, in training only.
final class StepDropoutLayer: MicrobatchLayer {
  let input: Value
  let output: Value
  private let axis: Int
  private let rate: Float
  private let path: UInt32
  private var outputGradient = Place.slab(0)
  private var inputGradient = Place.slab(0)

  /// Drops steps of `axis`; `path` keys the random numbers.
  init(input: Value, output: Value, axis: Int, rate: Float, path: UInt32) {
    self.input = input
    self.output = output
    self.axis = axis
    self.rate = rate
    self.path = path
  }

  func forward(_ pass: Pass) {
    let (x, y) = (pass.floats(input.place), pass.floats(output.place))
    guard pass.training else {
      Kernels.copy(count: pass.count(input.scalars), source: x, destination: y)
      return
    }
    drop(pass, from: x, to: y)
  }

  func planBackward(_ gradient: Gradient, _ slabs: inout SlabPlan) -> Gradient? {
    outputGradient = gradient.place
    let result = gradient.owned ? gradient : slabs.acquire(input.count)
    inputGradient = result.place
    return result
  }

  func backward(_ pass: Pass) {
    drop(pass, from: pass.floats(outputGradient), to: pass.floats(inputGradient))
  }

  private func drop(
    _ pass: Pass, from source: UnsafePointer<Float>, to destination: UnsafeMutablePointer<Float>
  ) {
    Kernels.dropSteps(
      samples: pass.samples, offsets: pass.offsets(axis), channels: input.channels, rate: rate,
      random: pass.random(path), input: source, output: destination)
  }
}
