import Tensors

/// A two-dimensional convolution over `[H, W, C]`, or with height 1 over `[T, C]`.
///
/// Packed weights lie in the shared scratch: they change with every step and cost little beside
/// the convolution itself. A following `relu` is applied in the same sweep and has no layer of its own.
final class ConvolutionLayer: MicrobatchLayer {
  let input: Value
  let output: Value
  /// A relu is turned back by what it let through.
  var readsOutput: Bool { output.isRectified }
  var tape: Tape { .none }
  private let geometry: ConvolutionGeometry
  private let units: Extent
  private let weight: Int
  private let bias: Int?
  private let tap: InputTap
  private var outputGradient = Place.slab(0)
  /// The output's gradient as it was before the relu, if there is one.
  private var ownGradient = Place.slab(0)
  private var inputGradient: Place?

  /// A convolution whose slots begin at `weight` and `bias`.
  init(
    input: Value, output: Value, geometry: ConvolutionGeometry, weight: Int, bias: Int?,
    tap: InputTap
  ) {
    self.tap = tap
    self.input = input
    self.output = output
    self.geometry = geometry
    units = input.units
    self.weight = weight
    self.bias = bias
  }

  /// The scratch a convolution of `geometry` needs, in floats.
  static func scratchCount(_ geometry: ConvolutionGeometry) -> Int {
    max(geometry.packedCount, geometry.packedTransposedCount)
  }

  func forward(_ pass: Pass) {
    // Who watches sees the output as it is before what follows.
    let isWatched = tap.watch != nil && !pass.training
    let y = pass.floats(output.place)
    Kernels.packConvolution(geometry, pass.parameters + weight, into: pass.scratch)
    Kernels.convolutionForward(
      geometry, samples: pass.count(units), tap.read(pass, input), packed: pass.scratch,
      bias: bias.map { pass.parameters + $0 }, relu: output.isRectified && !isWatched, y)
    guard isWatched else { return }
    tap.show(pass, output)
    guard output.isRectified else { return }
    Kernels.activate(.relu, count: pass.count(output.scalars), input: y, output: y)
  }

  func planBackward(_ gradient: Gradient, _ slabs: inout SlabPlan) -> Gradient? {
    let isInPlace = !output.isRectified || gradient.owned
    let own = isInPlace ? gradient : slabs.acquire(output.count)
    outputGradient = gradient.place
    ownGradient = own.place
    let result = input.requiresGradient ? slabs.acquire(input.count) : nil
    inputGradient = result?.place
    slabs.release(own)
    return result
  }

  func backward(_ pass: Pass) {
    let dy = pass.floats(ownGradient)
    if output.isRectified {
      let y = pass.floats(output.place)
      Kernels.activateGradient(
        .relu, count: pass.count(output.scalars), input: y, output: y,
        outputGradient: pass.floats(outputGradient), inputGradient: dy)
    }
    Kernels.convolutionWeightGradient(
      geometry, samples: pass.count(units), pass.floats(input.place), dy,
      weightGradient: pass.gradient(weight),
      biasGradient: bias.map { pass.gradient($0) })
    guard let inputGradient else { return }
    Kernels.packConvolutionTransposed(
      geometry, pass.parameters + weight, into: pass.scratch)
    Kernels.convolutionInputGradient(
      geometry, samples: pass.count(units), dy, packedTransposed: pass.scratch,
      pass.floats(inputGradient))
  }
}
