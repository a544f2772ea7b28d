/// Layers one after the other of which a training pass keeps only what enters and what leaves.
///
/// What lies between is computed again when the way back comes to it, in memory that all such chains of a model share
/// (Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016). It has the bits it had: random numbers are
/// functions of seed, step, sample and layer, statistics are kept, and states are carried from what a pass began with.
final class RecomputedChain: Layer {
  private let chain: Chain
  /// True where no other chain gets the memory before the way back, so that all is still there.
  var isIntact = false
  var input: Value { chain.input }
  var output: Value { chain.output }

  /// A chain whose inside is a segment of the arena.
  init(_ chain: Chain) { self.chain = chain }

  func forward(_ group: Group) { chain.forward(group) }

  func planBackward(_ gradient: Gradient, _ slabs: inout SlabPlan) -> Gradient? {
    chain.planBackward(gradient, &slabs)
  }

  func backward(_ group: Group) {
    computeAgain(group)
    chain.backward(group)
  }

  /// Computes what the way back reads, the output not among it: that is kept.
  func computeAgain(_ group: Group) {
    if !isIntact { chain.forwardAgain(group, needsOutput: false) }
  }
}
