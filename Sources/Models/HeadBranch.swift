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
  /// What teachers add to the loss; nil where the head learns from the data alone.
  var soft: SoftLoss?
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

  /// The loss, and its gradient times `weight / normalizer` where the backward pass begins; then of that the share that
  /// teachers leave, and theirs.
  ///
  /// - Parameters:
  ///   - pass: the microbatch.
  ///   - normalizer: the divisor of the head's own loss.
  ///   - softNormalizer: that of the soft term, asked for where there is one.
  /// - Returns: the sums of both terms, neither scaled; 0 for a term there is not.
  func train(
    _ pass: Pass, normalizer: Double, softNormalizer: @autoclosure () -> Double
  ) -> (own: Double, soft: Double) {
    // A batch whose class weights are all zero has nothing to say: a gradient of zeros.
    let factor = soft.map { weight * (1 - $0.targets.alpha) } ?? weight
    let scale = normalizer > 0 ? Float(factor / normalizer) : 0
    let (outputs, gradient) = (pass.floats(chain.output.place), pass.floats(outputGradient))
    let own = loss?.sum(pass, outputs: outputs, scale: scale, gradient: gradient) ?? 0
    guard let soft else { return (own, 0) }
    let softScale = Float(weight * soft.targets.alpha / softNormalizer())
    return (own, soft.add(pass, outputs: outputs, scale: softScale, gradient: gradient))
  }

  /// Plans for evaluation alone: the loss's kernel writes a gradient that nobody reads.
  func planEvaluation(_ slabs: inout SlabPlan) {
    let gradient = slabs.acquire(chain.output.count)
    outputGradient = gradient.place
    slabs.release(gradient)
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
