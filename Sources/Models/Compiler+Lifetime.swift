import Tensors

extension Compiler {
  /// The memory of the tensor that a chain has come to, where a layer of this chain made it.
  struct Life {
    /// Where it lies; nil where others than the chain's next layer may read it.
    var region: Region?
    /// Whether the way back reads it.
    var isNeeded = false
  }

  /// Releases what nobody reads any more once a layer of a chain is over.
  ///
  /// Chains run in the order in which they are compiled, layer by layer, and only the next layer of a chain reads
  /// what a layer gives. So the input is over after the layer unless the way back reads it. In a model that only
  /// evaluates there is no way back, and all that the layer keeps for it is over as well.
  ///
  /// - Parameters:
  ///   - life: the memory of the input, which becomes that of the output.
  ///   - layer: the layer; nil where the output is only another view of the input.
  ///   - input: what it read.
  ///   - output: what it gave.
  ///   - since: the regions there were before the layer.
  mutating func settle(
    _ life: inout Life, _ layer: (any Layer)?, from input: Value, to output: Value, since: Int
  ) {
    guard let layer else { return }
    let own = plan.regions[since...]
    if purpose == .evaluation {
      for region in own where .region(region) != output.place && !pinned.contains(region) {
        release(region)
      }
    }
    guard input.place != output.place else {
      life.isNeeded = life.isNeeded || layer.readsInput || layer.readsOutput
      return
    }
    if let region = life.region, purpose == .evaluation || !(life.isNeeded || layer.readsInput) {
      release(region)
    }
    life = Life()
    if case .region(let region) = output.place, own.contains(region) {
      life = Life(region: region, isNeeded: layer.readsOutput)
    }
  }

  /// Releases the output of a chain that the way back does not read, after its only reader.
  mutating func release(_ chain: Chain, since: Int) {
    guard !chain.readsOutput, case .region(let region) = chain.output.place,
      plan.regions[since...].contains(region)
    else { return }
    release(region)
  }

  /// Gives memory to others; whoever has it says no more about the layer that wrote it.
  private mutating func release(_ region: Region) {
    plan.release(region)
    forgetProbes { $0 == .region(region) }
  }

  /// Leaves out probes of what does not lie there any more when the pass is over.
  mutating func forgetProbes(from first: Int = 0, where isGone: (Place) -> Bool) {
    let kept = probes[first...].filter { !isGone($0.columns.place) }
    probes.replaceSubrange(first..., with: kept)
  }
}
