import Parameters
import Tensors

extension Model {
  /// Runs forward in training mode, the losses, and backward.
  ///
  /// Every slot of `gradients` is overwritten. A trainable slot gets the gradient of
  /// Σ over heads of weight / normaliser · loss; a statistic slot gets n · mean or n · variance,
  /// the variance unbiased unless n is 1, with n = samples · positions.
  ///
  /// The way back visits layers, branches, heads, coupling and encoders in the reverse of their order, so
  /// the finished gradients form one growing run at the end of the canonical order.
  ///
  /// - Precondition: ``synchronizedGroup`` is 1; else a group is seated and trained together.
  /// - Parameters:
  ///   - microbatch: 1 to N samples whose integers are in range
  ///     (see ``labelOutOfRange(_:)``).
  ///   - parameters: P scalars in canonical order.
  ///   - normalizers: per head, the divisor of its loss over the whole global batch; then, where heads learn from
  ///     teachers, per head that of its soft term; then one per hint.
  ///   - step: the optimizer step, which keys dropout.
  ///   - coupled: what the contrast over the global batch says to this microbatch's pairs; needed
  ///     exactly where the model has a ``coupling``.
  ///   - carried: the recurrent states of the samples; nil to begin with zeros and forget.
  ///   - gradients: where the result goes.
  ///   - observer: is told how far the pass has come.
  public func train(
    _ microbatch: Microbatch, _ parameters: UnsafePointer<Float>,
    normalizers: UnsafePointer<Double>, step: Int, coupled: CouplingGradient? = nil,
    carried: CarriedState? = nil, into gradients: inout LocalGradients,
    observer: (any PassObserver)? = nil
  ) {
    precondition(synchronizedGroup == 1, "a model with synchronised layers trains by groups")
    seat(microbatch, into: &gradients, carried: carried)
    train(
      groupOf: 1, parameters, normalizers: normalizers, step: step, coupled: coupled,
      observer: observer)
  }

  /// Runs forward in evaluation mode, and the losses of heads whose targets are present.
  ///
  /// Normalisation uses the running statistics, and nothing is dropped.
  ///
  /// - Parameters:
  ///   - microbatch: 1 to N samples whose integers are in range.
  ///   - parameters: P scalars in canonical order.
  ///   - carried: the recurrent states of the samples; nil to begin with zeros and forget.
  public func evaluate(
    _ microbatch: Microbatch, _ parameters: UnsafePointer<Float>, carried: CarriedState? = nil
  ) {
    precondition(seated == 0, "a group is waiting for its training pass")
    check(microbatch)
    passes[0] = pass(
      microbatch, in: lanes[0], parameters, gradients: nil, carried: carried, training: false,
      step: 0)
    forward(group(of: 1, lanes: 1, meeting: nil, observer: nil))
    for (index, branch) in branches.enumerated() {
      lanes[0].losses[index] = branch.evaluate(passes[0])
    }
  }

  /// A head's divisor: Σ of the weights of its predictions and their classes, or their number.
  ///
  /// Predictions are samples, those that have the head's modality in the pass, or the steps of all of
  /// them where the head predicts sequences. The contributions of a global batch's microbatches add up
  /// to its normaliser. Labels outside the classes contribute nothing.
  ///
  /// - Parameters:
  ///   - head: the head's index.
  ///   - microbatch: samples of the fields this model was compiled for, with their numbers in the split;
  ///     numbers of fields are needed only of a target with class weights and of weights.
  ///   - step: the optimizer step, which keys what training leaves out; nil outside of training.
  /// - Returns: the part of the divisor that these samples make.
  public func normalizerContribution(
    head: Int, _ microbatch: Microbatch, step: Int? = nil
  ) -> Double {
    let branch = branches[head]
    let offsets = measure(microbatch, step: step)
    if heads[head].loss.isTranscription {
      return Double(offsets.units(axes.presence(branch.output.axis), samples: microbatch.count))
    }
    let rows = offsets.units(branch.output.axis, samples: microbatch.count)
    guard let loss = branch.loss, heads[head].isWeighted else { return Double(rows) }
    var labels: UnsafePointer<Int64>?
    if heads[head].loss.weighsClasses, let target = heads[head].targetIndex {
      labels = UnsafePointer(microbatch.integers(target))
    }
    let own = heads[head].weightsIndex.map { UnsafePointer(microbatch.floats($0)) }
    return loss.normalizer(
      labels, own: own, samples: microbatch.count, rows: rows, offsets.offsets)
  }

  /// Where the predictions of each sample begin, from the microbatch's extents alone.
  ///
  /// - Parameters:
  ///   - head: the head's index.
  ///   - microbatch: samples of the fields this model was compiled for; no numbers are needed.
  /// - Returns: one number per sample and the end, the first 0.
  public func rowOffsets(ofHead head: Int, _ microbatch: Microbatch) -> [Int] {
    guard let axis = branches[head].output.axis else { return Array(0...microbatch.count) }
    let offsets = measure(microbatch).offsets(axis)
    return (0...microbatch.count).map { offsets[$0] }
  }

  /// The axes of a microbatch outside of a pass.
  func measure(_ microbatch: Microbatch, step: Int? = nil) -> AxisOffsets {
    let offsets: AxisOffsets
    if let measured, measured.capacity >= microbatch.count {
      offsets = measured
    } else {
      offsets = AxisOffsets(axes, capacity: microbatch.capacity)
      measured = offsets
    }
    offsets.compute(microbatch, selection(step: step))
    return offsets
  }

  /// What takes part in a pass.
  private func selection(step: Int?) -> Presence.Selection {
    Presence.Selection(seed: seed, step: step, taken: step == nil ? taken : [])
  }

  func forward(_ group: Group) {
    if let mixing {
      for pass in group.passes where pass.training { mixing.draw(pass) }
    }
    fusion.forward(group)
    couplingBranch?.forward(group)
    for branch in branches { branch.forward(group) }
  }

  /// The first `count` lanes as a group.
  func group(
    of members: Int, lanes count: Int, meeting: (any StatisticMeeting)?,
    observer: (any PassObserver)?
  ) -> Group {
    Group(
      passes: UnsafeBufferPointer(start: passes.base, count: count), members: members,
      rows: statisticRows.base, synchronizedLayers: synchronizationPoints / 2, meeting: meeting,
      observer: observer)
  }

  /// Traps for a microbatch that this model was not compiled for.
  func check(_ microbatch: Microbatch) {
    precondition(
      microbatch.count >= 1 && microbatch.count <= capacity,
      "a microbatch of \(microbatch.count) samples in a model for 1 to \(capacity)")
    precondition(microbatch.fields.count == fields.count, "a microbatch of other fields")
    precondition(labelOutOfRange(microbatch) == nil, "labels must be checked before a pass")
  }

  /// Gathers what layers need to compute `microbatch` in `lane`.
  func pass(
    _ microbatch: Microbatch, in lane: Lane, _ parameters: UnsafePointer<Float>,
    gradients: UnsafeMutablePointer<Float>?, carried: CarriedState? = nil, training: Bool,
    step: Int
  ) -> Pass {
    lane.load(microbatch, selection(step: training ? step : nil))
    return Pass(
      samples: microbatch.count, training: training, step: step, seed: seed,
      sampleNumbers: UnsafePointer(microbatch.sampleNumbers), parameters: parameters,
      gradients: gradients, memory: lane.memory, scratch: lane.scratch,
      slabs: UnsafePointer(lane.slabs.base), fields: UnsafePointer(lane.fieldBases.base),
      member: microbatch.index % synchronizedGroup, axes: lane.offsets.base,
      axisStride: lane.offsets.capacity + 1, carried: carried, carriedWidth: carriedWidth)
  }
}
