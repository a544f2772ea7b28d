/// Layers one after the other; an empty chain passes its input on.
struct Chain {
  /// What enters the first layer.
  let input: Value
  /// What leaves the last layer.
  let output: Value
  /// The layers that compute, first to last; views such as `flatten` are not among them.
  private let stages: [Stage]
  /// The layers that a gradient passes, last to first.
  private let reversed: [Stage]

  /// A layer and what an observer learns of it.
  struct Stage {
    let layer: any Layer
    /// Its place among the model's summaries.
    let index: Int
    /// Where its own slots begin; nil for a layer without any, composites among them.
    let firstSlot: Int?
  }

  /// A chain from its layers.
  init(input: Value, output: Value, stages: [Stage]) {
    self.input = input
    self.output = output
    self.stages = stages
    reversed = stages.reversed().filter(\.layer.output.requiresGradient)
  }

  /// The layer that writes the output, where that could be elsewhere; nil where it could not.
  var writer: (any JoinableLayer)? {
    guard let layer = stages.last?.layer as? any JoinableLayer, layer.isJoinable,
      layer.output.place == output.place
    else { return nil }
    return layer
  }

  /// Where the way back begins, among the model's summaries; nil where no layer is on it.
  var last: Int? { reversed.first?.index }

  /// The last layer that computes.
  var lastLayer: (any Layer)? { stages.last?.layer }

  /// Whether the way back reads what enters the chain or leaves it.
  var readsOutput: Bool { lastLayer?.readsOutput ?? true }

  /// Runs the layers, first to last.
  func forward(_ group: Group) {
    for stage in stages {
      group.observer?.forward(layer: stage.index)
      stage.layer.forward(group)
    }
  }

  /// Plans the way back through all layers that need it; the same contract as a layer's.
  func planBackward(_ gradient: Gradient, _ slabs: inout SlabPlan) -> Gradient? {
    var current = gradient
    for stage in reversed {
      guard let next = stage.layer.planBackward(current, &slabs) else { return nil }
      current = next
    }
    if input.requiresGradient { return current }
    slabs.release(current)
    return nil
  }

  /// Runs the layers' backward passes, last to first.
  func backward(_ group: Group) {
    for stage in reversed {
      group.observer?.backward(layer: stage.index)
      stage.layer.backward(group)
      // Slots are reserved in forward order, so all that lies behind this one is done as well. The
      // pass itself says 0, when all else is over too.
      if let first = stage.firstSlot, first > 0 { group.observer?.gradientsFinal(from: first) }
    }
  }
}
