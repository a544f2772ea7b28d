import Tensors

extension Model {
  /// Runs the coupled encoders and their projections only, to know a microbatch's vectors.
  ///
  /// The vectors have the bits of those of ``train(_:_:normalizers:step:coupled:into:observer:)`` with the
  /// same parameters and step: the same is dropped, whole modalities included. No gradient is written, so running statistics stay out of it.
  ///
  /// - Parameters:
  ///   - microbatch: 1 to N samples whose integers are in range.
  ///   - parameters: P scalars in canonical order.
  ///   - step: the optimizer step, which keys dropout.
  ///   - observer: is told which layer is entered.
  public func embed(
    _ microbatch: Microbatch, _ parameters: UnsafePointer<Float>, step: Int,
    observer: (any PassObserver)? = nil
  ) {
    guard let couplingBranch else { preconditionFailure("the model has no coupling") }
    precondition(seated == 0, "a group is waiting for its training pass")
    check(microbatch)
    passes[0] = pass(
      microbatch, in: lanes[0], parameters, gradients: nil, training: true, step: step)
    let group = group(of: 1, lanes: 1, meeting: nil, observer: observer)
    for tower in couplingBranch.towers { tower.encoder.forward(group) }
    couplingBranch.forward(group)
  }

  /// The two vectors of a sample of the last pass, of length 1, `[d]` each; valid until the next pass.
  ///
  /// - Parameter sample: its place in the microbatch.
  /// - Returns: nil for a sample that lacks one of the two modalities.
  public func pair(
    ofSample sample: Int
  ) -> (first: UnsafePointer<Float>, second: UnsafePointer<Float>)? {
    guard let towers = couplingBranch?.towers,
      let first = towers[0].vector(sample, in: lanes[0]),
      let second = towers[1].vector(sample, in: lanes[0])
    else { return nil }
    return (first, second)
  }
}
