import Tensors

/// The layers of one head, its loss, and its share in the gradient of what it reads.
final class HeadBranch {
  /// From what is read to the outputs.
  let chain: Chain
  private let input: Port
  /// The outputs with a row for each sample or step.
  let output: Value
  /// What the outputs are measured by; nil where the data has no target.
  let loss: LossFunction?
  private let weight: Double
  private var outputGradient = Place.slab(0)
  private var inputGradient: Place?

  /// A head of `weight` in the sum of losses.
  init(
    reading input: Port, chain: Chain, output: Value, loss: LossFunction?, weight: Double
  ) {
    self.input = input
    self.output = output
    self.chain = chain
    self.loss = loss
    self.weight = weight
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

  /// Plans the way back to what is read.
  func planBackward(_ slabs: inout SlabPlan) {
    let gradient = slabs.acquire(chain.output.count)
    outputGradient = gradient.place
    guard let result = chain.planBackward(gradient, &slabs) else { return }
    inputGradient = result.place
    input.plan(result, &slabs)
  }

  /// Runs the layers' backward passes and gives the gradient of what is read.
  func backward(_ group: Group) {
    chain.backward(group)
    input.add(inputGradient, group)
  }
}
