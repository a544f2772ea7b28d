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
  /// How many layers, from the first on, must give their output again where nobody reads the chain's.
  private let inner: Int

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
    var inner = max(0, stages.count - 1)
    while inner > 0, !stages[inner].layer.readsInput, stages[inner].layer.tape == .none,
      !stages[inner - 1].layer.readsOutput
    {
      inner -= 1
    }
    // Who gives an output that a later layer writes over has to be followed by that layer.
    let isSpoilt = stages.indices.dropLast().contains { place in
      let stage = stages[place]
      return stage.layer.output.place == output.place
        && (place < inner || place == inner && stage.layer.tape == .withOutput)
    }
    self.inner = isSpoilt ? stages.count : inner
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

  /// Whether the output is written by ``forwardAgain(_:needsOutput:)`` though nobody needs it.
  var givesOutputAnyway: Bool {
    readsOutput || inner == stages.count || lastLayer?.tape == .withOutput
  }

  /// Runs the layers, first to last.
  func forward(_ group: Group) {
    for stage in stages {
      group.observer?.forward(layer: stage.index)
      stage.layer.forward(group)
    }
  }

  /// Runs the layers again as far as the way back reads what they give, or all where it needs the output.
  func forwardAgain(_ group: Group, needsOutput: Bool) {
    let whole = needsOutput ? stages.count : inner
    for (place, stage) in stages.prefix(whole + 1).enumerated() {
      guard place < whole || stage.layer.tape != .none else { return }
      group.observer?.forward(layer: stage.index)
      stage.layer.forwardAgain(group, needsOutput: place < whole)
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
