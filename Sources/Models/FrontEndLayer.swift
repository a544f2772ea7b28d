import Tensors

/// Something done to the data: it has no parameters, and no gradient passes it.
final class FrontEndLayer: MicrobatchLayer {
  let input: Value
  let output: Value
  private let compute: (Pass) -> Void

  /// A layer that runs `compute`, which allocates nothing.
  init(input: Value, output: Value, compute: @escaping (Pass) -> Void) {
    self.input = input
    self.output = output
    self.compute = compute
  }

  func forward(_ pass: Pass) { compute(pass) }

  func planBackward(_ gradient: Gradient, _ slabs: inout SlabPlan) -> Gradient? {
    slabs.release(gradient)
    return nil
  }

  func backward(_ pass: Pass) {}
}
