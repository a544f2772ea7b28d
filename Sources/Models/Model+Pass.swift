import Parameters
import Tensors

extension Model {
  /// Runs forward in training mode, the losses, and backward.
  ///
  /// Every slot of `gradients` is overwritten. A trainable slot gets the gradient of
  /// Σ over heads of weight / normaliser · loss; a statistic slot gets n · mean or n · variance,
  /// the variance unbiased unless n is 1, with n = samples · positions.
  ///
  /// The way back visits layers, branches, heads and encoders in the reverse of their order, so
  /// the finished gradients form one growing run at the end of the canonical order.
  ///
  /// - Parameters:
  ///   - microbatch: 1 to N samples whose integers are in range
  ///     (see ``labelOutOfRange(_:)``).
  ///   - parameters: P scalars in canonical order.
  ///   - normalizers: per head, the divisor of its loss over the whole global batch.
  ///   - step: the optimizer step, which keys dropout.
  ///   - gradients: where the result goes.
  ///   - observer: is told how far the pass has come.
  public func train(
    _ microbatch: Microbatch, _ parameters: UnsafePointer<Float>,
    normalizers: UnsafePointer<Double>, step: Int, into gradients: inout LocalGradients,
    observer: (any PassObserver)? = nil
  ) {
    precondition(gradients.values.count == layout.count, "gradients of another layout")
    let pass = begin(
      microbatch, parameters, gradients: gradients.values.base, training: true, step: step,
      observer: observer)
    forward(pass)
    // The way back is the reverse of the way there, so that finished slots form one run.
    for index in branches.indices.reversed() {
      let branch = branches[index]
      precondition(branch.loss != nil, "training needs the target of every head")
      // Loss and way back head by head: heads share the memory of their gradients.
      lossSums[index] = branch.train(pass, normalizer: normalizers[index])
      branch.backward(pass, sum: fusedGradient)
    }
    if fusedGradient != nil { fusion.backward(pass) }
    observer?.gradientsFinal(from: 0)
    gradients.microbatch = microbatch.index
  }

  /// Runs forward in evaluation mode, and the losses of heads whose targets are present.
  ///
  /// Normalisation uses the running statistics, and nothing is dropped.
  ///
  /// - Parameters:
  ///   - microbatch: 1 to N samples whose integers are in range.
  ///   - parameters: P scalars in canonical order.
  public func evaluate(_ microbatch: Microbatch, _ parameters: UnsafePointer<Float>) {
    let pass = begin(
      microbatch, parameters, gradients: nil, training: false, step: 0, observer: nil)
    forward(pass)
    for (index, branch) in branches.enumerated() { lossSums[index] = branch.evaluate(pass) }
  }

  /// A head's divisor: Σ of the class weights of `labels`, or `count` where it has none.
  ///
  /// The contributions of a global batch's microbatches add up to its normaliser. Labels outside
  /// the classes contribute nothing.
  ///
  /// - Parameters:
  ///   - head: the head's index.
  ///   - labels: `count` labels; needed only by a head with class weights.
  ///   - count: the number of samples.
  /// - Returns: the part of the divisor that these samples make.
  public func normalizerContribution(
    head: Int, labels: UnsafePointer<Int64>?, count: Int
  ) -> Double {
    branches[head].loss?.normalizer(labels, count: count) ?? Double(count)
  }

  /// The same for the samples that `microbatch` holds.
  ///
  /// - Parameters:
  ///   - head: the head's index.
  ///   - microbatch: samples of the fields this model was compiled for.
  /// - Returns: the part of the divisor that these samples make.
  public func normalizerContribution(head: Int, _ microbatch: Microbatch) -> Double {
    let labels = heads[head].targetIndex.flatMap { index in
      fields[index].element == .integer ? UnsafePointer(microbatch.integers(index)) : nil
    }
    return normalizerContribution(head: head, labels: labels, count: microbatch.count)
  }

  private func forward(_ pass: Pass) {
    fusion.forward(pass)
    for branch in branches { branch.forward(pass) }
  }

  /// Checks the microbatch and gathers what layers need.
  private func begin(
    _ microbatch: Microbatch, _ parameters: UnsafePointer<Float>,
    gradients: UnsafeMutablePointer<Float>?, training: Bool, step: Int,
    observer: (any PassObserver)?
  ) -> Pass {
    precondition(
      microbatch.count >= 1 && microbatch.count <= capacity,
      "a microbatch of \(microbatch.count) samples in a model for 1 to \(capacity)")
    precondition(microbatch.fields.count == fields.count, "a microbatch of other fields")
    precondition(labelOutOfRange(microbatch) == nil, "labels must be checked before a pass")
    for index in 0..<fields.count {
      fieldBases[index] =
        fields[index].element == .float
        ? UnsafeMutableRawPointer(microbatch.floats(index))
        : UnsafeMutableRawPointer(microbatch.integers(index))
    }
    return Pass(
      samples: microbatch.count, training: training, step: step, seed: seed,
      sampleNumbers: UnsafePointer(microbatch.sampleNumbers), parameters: parameters,
      gradients: gradients, memory: memory, scratch: scratch, slabs: UnsafePointer(slabs.base),
      fields: UnsafePointer(fieldBases.base), observer: observer)
  }
}
