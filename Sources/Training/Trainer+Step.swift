import Datasets
import Exchange
import FaultPoints
import MPI
import Optimizers
import Parameters
import Tensors

extension Trainer {
  /// Runs optimizer step `state.step` on all ranks.
  ///
  /// - Parameter loader: delivers this rank's microbatches of the step, in order.
  /// - Returns: what the step came to, equal on every rank, and what the ranks were asked to do.
  /// - Throws: ``TrainingError`` for a NaN or infinity where the configuration says abort, or what
  ///   the rooms throw.
  func step(from loader: BatchLoader) throws -> (record: StepRecord, wishes: StepWishes) {
    var (record, norm, wishes) = try reduceStep(from: loader)
    try finish(&record, norm: norm)
    clock.enter(.other)
    return (record, wishes)
  }

  /// Computes a step up to its global gradient, and updates where nothing has to be known first.
  func reduceStep(
    from loader: BatchLoader
  ) throws -> (record: StepRecord, norm: GlobalNorm, wishes: StepWishes) {
    let step = state.step
    defer { unmeasured.take().map(loader.recycle) }
    evidence = StepEvidence()
    let stepInEpoch = step % plan.stepsPerEpoch
    let microbatches = plan.microbatchCount(ofStep: stepInEpoch)
    let samples = plan.samples(inStep: stepInEpoch)
    pruner?.prepare(step: step)
    try exchange.begin(microbatches: microbatches)
    if stepInEpoch == 0 { carried?.clear() }
    table.shared.open()
    try prepareGlobalFacts(step: step)
    try fetchRows(from: loader, step: step)
    try coupleBatch(from: loader, step: step, stepInEpoch: stepInEpoch)
    try computeMicrobatches(from: loader, step: step, samples: samples)
    clock.enter(.reduce)
    while let bucket = try exchange.nextReduced() { try take(bucket, samples: samples) }
    try reduceRows(microbatches: microbatches)
    FaultPoint.stepReduced.reach()
    try exchange.join(table.shared, table.parts(of: exchange.deal))
    let loss = combineLosses(microbatches: microbatches)
    let wishes = StepWishes(table.wishes, ranks: world.size)
    let norm = GlobalNorm(combining: table.gradientNorms, count: optimizer.pieceCount)
    examineOnlyGradient(norm)
    let record = StepRecord(
      step: step, epoch: step / plan.stepsPerEpoch, loss: loss,
      learningRate: learningRate(at: step), gradientNorm: norm.value, samples: samples,
      skipped: false)
    return (record, norm, wishes)
  }

  /// Updates what is not updated yet, publishes, and leaves out a step that is not finite.
  private func finish(_ record: inout StepRecord, norm: GlobalNorm) throws {
    let isFinite =
      record.loss.isFinite && norm.fits(maxNorm: configuration.train.clipNorm)
    let moves = isFinite && !isLeftOut(record.step)
    if moves {
      if !updatesEarly { try update(norm: norm, samples: record.samples) }
      updateRows(gradientScale: norm.clipFactor(maxNorm: configuration.train.clipNorm))
    }
    clock.enter(.publish)
    // Also before an error that all ranks share: nothing is in flight when they leave.
    try exchange.finish(updated: moves || updatesEarly)
    guard moves else {
      record.skipped = true
      if !isLeftOut(record.step) { try handleNonFinite(record) }
      return
    }
    try constrain(after: record.step + 1)
    optimizer.finishStep()
    // A step that is left out leaves the states as they were: its own may not be finite.
    carried?.advance()
    spoil(at: .weightsMoved)
    if configuration.train.nonFinite.rollsBack { try goBackFromUpdate(record.step) }
    if let problem = try memoryCheck.afterUpdate(step: record.step + 1) {
      try failTogether(.failure, problem)
    }
    spoil(at: .memoryAtRest)
  }

  /// Whether a bucket is updated as soon as it is reduced, while others still travel.
  ///
  /// Not where a number of the whole gradient comes first: clipping, whole-tensor norms, or leaving out
  /// a step that is not finite.
  var updatesEarly: Bool {
    configuration.train.nonFinite == .abort && configuration.train.clipNorm == nil
      && !optimizer.needsTensorNorms && !isLeftOut(state.step)
  }

  /// The learning rate of a step: the configured one times schedule and plateau.
  func learningRate(at step: Int) -> Double {
    configuration.optimizer.learningRate * learningRateFactor(at: step)
  }

  /// The factor on every learning rate at a step.
  func learningRateFactor(at step: Int) -> Double {
    schedule.factor(at: pruner?.setUp.schedule.learningRateStep(of: step) ?? step)
      * state.plateau.factor
  }

  /// Lets gradients leave that are final at and after a canonical place, and takes buckets that are
  /// reduced already; called between layers.
  func advance(from offset: Int, samples: Int) throws {
    try exchange.advance(from: offset)
    guard exchange.node.topology.nodes.count > 1 else { return }
    while let bucket = try exchange.reducedAlready() { try take(bucket, samples: samples) }
  }

  /// Measures a reduced bucket, and updates it at once where nothing has to be known first.
  private func take(_ bucket: Int, samples: Int) throws {
    clock.enter(.update)
    if updatesEarly { try memoryCheck.beforeUpdate(step: state.step) }
    let factor = learningRateFactor(at: state.step)
    forEachOwnedBlock(of: bucket) { block in
      pruner?.observe(block)
      let pieces = optimizer.pieces(ofBlocks: block.index..<block.index + 1)
      let sums = table.gradientNorms + pieces.lowerBound
      guard updatesEarly else { return optimizer.measureGradient(block, into: sums) }
      observeScores(block)
      optimizer.update(
        block, parameters: store.base, gradientScale: 1, learningRateFactor: factor,
        samples: samples, measuring: sums)
    }
    guard updatesEarly else { return }
    clock.enter(.publish)
    try exchange.publish(bucket)
  }

  /// Runs `body` for the blocks of a bucket that this rank owns, on all its threads.
  private func forEachOwnedBlock(of bucket: Int, _ body: (GlobalGradients.Block) -> Void) {
    let blocks = exchange.ownedBlocks(in: bucket)
    Kernels.split(blocks.count, work: 4 * blocks.count * ParameterLayout.blockSize) { range in
      for place in range { body(exchange.block(blocks.lowerBound + place, in: bucket)) }
    }
  }

  /// The mean loss of the global batch.
  private func combineLosses(microbatches: Int) -> Double {
    var loss = 0.0
    for place in 0..<table.lossCount {
      var sum = 0.0
      for index in 0..<microbatches { sum += table.losses(of: index)[place] }
      // A batch in which nothing weighs, or nobody has the head's modality, has no loss.
      if table.normalizers[place] > 0 {
        loss += model.lossWeight(at: place) * sum / table.normalizers[place]
      }
    }
    if let couplingStep { loss += (model.coupling?.weight ?? 0) * couplingStep.loss }
    return loss
  }

  /// Moves owned weights, statistics and optimizer state, and publishes them bucket by bucket.
  private func update(norm: GlobalNorm, samples: Int) throws {
    clock.enter(.update)
    try memoryCheck.beforeUpdate(step: state.step)
    let scale = norm.clipFactor(maxNorm: configuration.train.clipNorm)
    let factor = learningRateFactor(at: state.step)
    for bucket in exchange.plan.buckets.indices {
      forEachOwnedBlock(of: bucket, observeScores)
    }
    try prepareTensorNorms(gradientScale: scale)
    for bucket in exchange.plan.buckets.indices {
      clock.enter(.update)
      forEachOwnedBlock(of: bucket) { block in
        optimizer.update(
          block, parameters: store.base, gradientScale: scale, learningRateFactor: factor,
          samples: samples)
      }
      clock.enter(.publish)
      try exchange.publish(bucket)
    }
  }

  /// Holds the new weights to what the configuration asks for; collective on the node.
  private func constrain(after step: Int) throws {
    guard let constrainer else { return }
    clock.enter(.update)
    try constrainer.apply(after: step, learningRateFactor: learningRateFactor(at: step - 1)) {
      clock.enter(.evaluation)
      defer { clock.enter(.update) }
      return try LayerReach(world, model, training).quantiles($0, of: store.base, samples: $1)
    }
    state.constraintBounds = constrainer.knownBounds
    clock.enter(.publish)
  }

  /// Joins the norms of whole tensors, for rules that scale by them.
  private func prepareTensorNorms(gradientScale: Float) throws {
    guard let norms = table.tensorNorms else { return }
    norms.open()
    for bucket in exchange.plan.buckets.indices {
      forEachOwnedBlock(of: bucket) { block in
        let pieces = optimizer.pieces(ofBlocks: block.index..<block.index + 1)
        optimizer.prepare(
          block, parameters: store.base, gradientScale: gradientScale,
          into: norms.values + 2 * pieces.lowerBound)
      }
    }
    clock.enter(.publish)
    try exchange.join(norms, table.tensorParts)
    optimizer.setTensorNorms(norms.values)
  }
}
