import Configuration
import Tensors

/// An element-wise function, written over its input where that is legal.
final class ActivationLayer: MicrobatchLayer {
  let input: Value
  let output: Value
  var readsInput: Bool { !readsOutput }
  var readsOutput: Bool { function.isKnownFromOutput }
  var tape: Tape { .none }
  private let function: Kernels.ElementwiseFunction
  private let scalars: Extent
  private var outputGradient = Place.slab(0)
  private var inputGradient = Place.slab(0)

  /// An activation; in place where both lie together.
  init(input: Value, output: Value, function: Kernels.ElementwiseFunction) {
    self.input = input
    self.output = output
    self.function = function
    scalars = input.scalars
  }

  /// True when the derivative is known from the output alone, so that the input may be lost.
  static func worksInPlace(_ activation: LayerConfiguration.Activation) -> Bool {
    switch activation {
    case .relu, .tanh, .sigmoid: return true
    // A negative slope would hide the sign of the input.
    case .leakyRelu(let slope): return slope >= 0
    case .gelu: return false
    }
  }

  func forward(_ pass: Pass) {
    Kernels.activate(
      function, count: pass.count(scalars), input: pass.floats(input.place),
      output: pass.floats(output.place))
  }

  func planBackward(_ gradient: Gradient, _ slabs: inout SlabPlan) -> Gradient? {
    outputGradient = gradient.place
    let result = gradient.owned ? gradient : slabs.acquire(input.count)
    inputGradient = result.place
    return result
  }

  func backward(_ pass: Pass) {
    Kernels.activateGradient(
      function, count: pass.count(scalars), input: pass.floats(input.place),
      output: pass.floats(output.place), outputGradient: pass.floats(outputGradient),
      inputGradient: pass.floats(inputGradient))
  }
}
