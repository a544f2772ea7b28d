import Datasets
import Exchange
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
  func step(from loader: BatchLoader) throws -> (record: StepRecord, request: StopSignal.Request) {
    let step = state.step
    let stepInEpoch = step % plan.stepsPerEpoch
    let microbatches = plan.microbatchCount(ofStep: stepInEpoch)
    exchange.begin(microbatches: microbatches)
    try fillNormalizers(epoch: step / plan.stepsPerEpoch, stepInEpoch: stepInEpoch)
    try computeMicrobatches(from: loader, step: step, microbatches: microbatches)
    clock.enter(.reduce)
    try exchange.reduce()
    clock.enter(.update)
    try measureGradients()
    clock.enter(.reduce)
    let (loss, request) = try joinLosses(microbatches: microbatches)
    try exchange.join(buffers.gradientNorms.all, counts: buffers.pieceCounts)
    let norm = GlobalNorm(
      combining: buffers.gradientNorms.base, count: buffers.gradientNorms.count)
    let samples = plan.samples(inStep: stepInEpoch)
    var record = StepRecord(
      step: step, epoch: step / plan.stepsPerEpoch, loss: loss,
      learningRate: learningRate(at: step), gradientNorm: norm.value, samples: samples,
      skipped: false)
    if loss.isFinite && norm.isFinite {
      try update(norm: norm, samples: samples)
    } else {
      record.skipped = true
      try handleNonFinite(record)
    }
    clock.enter(.other)
    return (record, request)
  }

  /// The learning rate of a step: the configured one times schedule and plateau.
  func learningRate(at step: Int) -> Double {
    configuration.optimizer.learningRate * learningRateFactor(at: step)
  }

  /// The factor on every learning rate at a step.
  func learningRateFactor(at step: Int) -> Double {
    schedule.factor(at: step) * state.plateau.factor
  }

  /// Forward and backward of this rank's share.
  private func computeMicrobatches(
    from loader: BatchLoader, step: Int, microbatches: Int
  ) throws {
    let heads = model.heads.count
    let counts = buffers.lossCounts(ofStepWith: microbatches)
    var slot = buffers.losses.base + counts[..<world.rank].reduce(0, +)
    for index in exchange.share {
      clock.enter(.input, microbatch: index)
      guard let microbatch = try loader.next() else {
        throw TrainingError(.failure, "the input ended before step \(step); this is a defect")
      }
      precondition(microbatch.index == index && microbatch.step == step, "input out of order")
      try refuseWrongLabels(microbatch)
      clock.enter(.forward)
      var gradients = exchange.lendGradients()
      gradients.microbatch = index
      model.train(
        microbatch, store.base, normalizers: buffers.normalizers.base, step: step,
        into: &gradients, observer: clock)
      noise.add(index, microbatchSquaredNorm: optimizer.squaredNorm(gradients.values.base))
      noteNonFinite(microbatch)
      exchange.submit(gradients)
      for head in 0..<heads { slot[head] = model.losses[head] }
      slot += heads
      loader.recycle(microbatch)
    }
    slot[0] = Double(StopSignal.request.rawValue)
  }

  private func measureGradients() throws {
    var place = buffers.gradientNorms.base + buffers.firstPiece
    for index in exchange.ownedBlocks {
      optimizer.measureGradient(exchange.block(index), into: place)
      place += optimizer.pieceCount(ofBlocks: index..<index + 1)
    }
  }

  /// The mean loss of the global batch and the strongest wish of any rank.
  private func joinLosses(microbatches: Int) throws -> (Double, StopSignal.Request) {
    let counts = buffers.lossCounts(ofStepWith: microbatches)
    let all = UnsafeMutableBufferPointer(rebasing: buffers.losses.all[..<counts.reduce(0, +)])
    try exchange.join(all, counts: counts)
    let heads = model.heads.count
    var loss = 0.0
    var request = 0
    for head in 0..<heads {
      var sum = 0.0
      var start = 0
      for count in counts {
        for place in stride(from: start + head, to: start + count - 1, by: heads) {
          sum += all[place]
        }
        start += count
        request = max(request, Int(all[start - 1]))
      }
      loss += model.heads[head].weight * sum / buffers.normalizers[head]
    }
    return (loss, StopSignal.Request(rawValue: request) ?? .none)
  }

  /// Moves owned weights, statistics and optimizer state, then publishes the weights.
  private func update(norm: GlobalNorm, samples: Int) throws {
    clock.enter(.update)
    let scale = norm.clipFactor(maxNorm: configuration.train.clipNorm)
    let factor = learningRateFactor(at: state.step)
    if optimizer.needsTensorNorms {
      var place = buffers.tensorNorms.base + 2 * buffers.firstPiece
      for index in exchange.ownedBlocks {
        optimizer.prepare(
          exchange.block(index), parameters: store.base, gradientScale: scale, into: place)
        place += 2 * optimizer.pieceCount(ofBlocks: index..<index + 1)
      }
      try exchange.join(buffers.tensorNorms.all, counts: buffers.tensorCounts)
      optimizer.setTensorNorms(buffers.tensorNorms.base)
    }
    for index in exchange.ownedBlocks {
      optimizer.update(
        exchange.block(index), parameters: store.base, gradientScale: scale,
        learningRateFactor: factor, samples: samples)
    }
    optimizer.finishStep()
    clock.enter(.publish)
    try exchange.publish(store)
  }
}
