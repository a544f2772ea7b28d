import Tensors

/// The layers of one head, its loss, and its share in the gradient of what it reads.
final class HeadBranch {
  /// From the fused vector to the outputs.
  let chain: Chain
  /// The outputs with a row for each sample or step.
  let output: Value
  /// What the outputs are measured by; nil where the data has no target.
  let loss: LossFunction?
  private let weight: Double
  private let inputScalars: Extent
  private var outputGradient = Place.slab(0)
  private var inputGradient: Place?

  /// A head of `weight` in the sum of losses.
  init(chain: Chain, output: Value, loss: LossFunction?, weight: Double) {
    self.output = output
    self.chain = chain
    self.loss = loss
    self.weight = weight
    inputScalars = chain.input.scalars
  }

  /// Runs the layers.
  func forward(_ group: Group) {
    chain.forward(group)
  }

  /// The loss alone (the kernel's gradient, times 0, is not used); 0 where the data has no target.
  func evaluate(_ pass: Pass) -> Double {
    loss?.sum(
      pass, outputs: pass.floats(chain.output.place), scale: 0,
      gradient: pass.floats(outputGradient)) ?? 0
  }

  /// The loss, and its gradient times `weight / normalizer` where the backward pass begins.
  func train(_ pass: Pass, normalizer: Double) -> Double {
    // A batch whose class weights are all zero has nothing to say: a gradient of zeros.
    let scale = normalizer > 0 ? Float(weight / normalizer) : 0
    return loss?.sum(
      pass, outputs: pass.floats(chain.output.place), scale: scale,
      gradient: pass.floats(outputGradient)) ?? 0
  }

  /// Plans the way back to the fused vector, adding to `sum` where another head was first.
  func planBackward(_ sum: inout Gradient?, _ slabs: inout SlabPlan) {
    let gradient = slabs.acquire(chain.output.count)
    outputGradient = gradient.place
    guard let result = chain.planBackward(gradient, &slabs) else { return }
    inputGradient = result.place
    if sum == nil { sum = result } else { slabs.release(result) }
  }

  /// Runs the layers' backward passes and adds the result to `sum` unless it is `sum`.
  func backward(_ group: Group, sum: Place?) {
    chain.backward(group)
    guard let inputGradient, let sum, inputGradient != sum else { return }
    for pass in group.passes {
      Kernels.addInto(
        count: pass.count(inputScalars), source: pass.floats(inputGradient),
        destination: pass.floats(sum))
    }
  }
}
