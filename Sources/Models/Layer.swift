/// One compiled layer: it reads and writes the arena, and knows nothing else.
///
/// Layers are made by the compiler with every place and extent resolved; a pass only calls
/// ``forward(_:)`` in order and ``backward(_:)`` in reverse order.
protocol Layer: AnyObject {
  /// What arrives.
  var input: Value { get }
  /// What leaves.
  var output: Value { get }

  /// Computes the output, and keeps what the backward pass needs.
  func forward(_ pass: Pass)

  /// Decides where the gradient of the input will lie.
  ///
  /// The layer takes over `gradient`: it returns it (written in place) or releases it.
  ///
  /// - Parameters:
  ///   - gradient: where the gradient of the output will lie.
  ///   - slabs: the memory of gradients.
  /// - Returns: where the gradient of the input will lie, nil when the input needs none.
  func planBackward(_ gradient: Gradient, _ slabs: inout SlabPlan) -> Gradient?

  /// Computes the gradients of the layer's slots and, when needed, of the input.
  func backward(_ pass: Pass)
}

/// Layers one after the other; an empty chain passes its input on.
struct Chain {
  /// What enters the first layer.
  let input: Value
  /// What leaves the last layer.
  let output: Value
  /// The layers that compute, first to last; views such as `flatten` are not among them.
  let layers: [any Layer]
  /// The layers that a gradient passes, last to first.
  private let reversed: [any Layer]

  /// A chain from its layers.
  init(input: Value, output: Value, layers: [any Layer]) {
    self.input = input
    self.output = output
    self.layers = layers
    reversed = layers.reversed().filter(\.output.requiresGradient)
  }

  /// Runs the layers, first to last.
  func forward(_ pass: Pass) {
    for layer in layers { layer.forward(pass) }
  }

  /// Plans the way back through all layers that need it; the same contract as a layer's.
  func planBackward(_ gradient: Gradient, _ slabs: inout SlabPlan) -> Gradient? {
    var current = gradient
    for layer in reversed {
      guard let next = layer.planBackward(current, &slabs) else { return nil }
      current = next
    }
    if input.requiresGradient { return current }
    slabs.release(current)
    return nil
  }

  /// Runs the layers' backward passes, last to first.
  func backward(_ pass: Pass) {
    for layer in reversed { layer.backward(pass) }
  }
}
