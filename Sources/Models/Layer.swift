/// One compiled layer: it reads and writes the arena, and knows nothing else.
///
/// Layers are made by the compiler with every place and extent resolved; a pass only calls
/// ``forward(_:)`` in order and ``backward(_:)`` in reverse order.
protocol Layer: AnyObject {
  /// What arrives.
  var input: Value { get }
  /// What leaves.
  var output: Value { get }

  /// Whether the way back reads the input; where it does not, later layers may write over it.
  var readsInput: Bool { get }
  /// Whether the way back reads the output.
  var readsOutput: Bool { get }

  /// What the forward pass keeps beside the output.
  var tape: Tape { get }

  /// Computes the outputs of all microbatches of the group, and keeps what the backward pass needs.
  func forward(_ group: Group)

  /// Computes the same again on the way back, where the memory of it was given to others.
  ///
  /// - Parameters:
  ///   - group: the microbatches, whose input is there again.
  ///   - needsOutput: whether anybody reads the output; else the tape is enough.
  func forwardAgain(_ group: Group, needsOutput: Bool)

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
  func backward(_ group: Group)
}

/// What a layer's way back needs of its forward pass beside input and output.
enum Tape {
  /// Nothing, or what is kept anyway.
  case none
  /// Something that can be computed again and leaves the output as it is.
  case apart
  /// Something that is computed together with the output.
  case withOutput
}

extension Layer {
  /// The careful answer.
  var readsInput: Bool { true }
  /// The careful answer.
  var readsOutput: Bool { true }
  /// The careful answer.
  var tape: Tape { .withOutput }

  func forwardAgain(_ group: Group, needsOutput: Bool) { forward(group) }
}

/// A layer to which a microbatch is all there is: everything but composites and synchronised norms.
protocol MicrobatchLayer: Layer {
  /// Computes the output of one microbatch, and keeps what the backward pass needs.
  func forward(_ pass: Pass)
  /// Computes one microbatch's gradients of the layer's slots and, when needed, of the input.
  func backward(_ pass: Pass)
}

extension MicrobatchLayer {
  func forward(_ group: Group) {
    for pass in group.passes { forward(pass) }
  }

  func backward(_ group: Group) {
    for pass in group.passes { backward(pass) }
  }
}
