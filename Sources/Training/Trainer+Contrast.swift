import Datasets
import Exchange

extension Trainer {
  /// The first of two passes over the global batch, where the model has a coupling.
  ///
  /// - Parameters:
  ///   - loader: delivers this rank's microbatches of the step; it delivers them again afterwards.
  ///   - step: the optimizer step.
  ///   - stepInEpoch: its number in the epoch.
  /// - Throws: what reading or MPI throw.
  func contrastBatch(from loader: BatchLoader, step: Int, stepInEpoch: Int) throws {
    guard let contrast else { return }
    contrast.rows.open()
    for index in exchange.share {
      let microbatch = try nextMicrobatch(index, from: loader, step: step)
      clock.enter(.forward)
      model.embed(microbatch, store.base, step: step, observer: progress)
      contrast.write(microbatch, model)
      loader.recycle(microbatch)
    }
    clock.enter(.reduce)
    try exchange.join(contrast.rows, contrast.rowParts(of: exchange.deal))
    guard let coupling = model.coupling else { return }
    clock.enter(.forward)
    contrast.gather(exchange.deal.microbatches, scale: coupling.scale(store.base)) {
      plan.positions(step: stepInEpoch, microbatch: $0).count
    }
    contrast.sums.open()
    for index in exchange.share { contrast.measure(index) }
    clock.enter(.reduce)
    try exchange.join(contrast.sums, contrast.sumParts(of: exchange.deal))
    contrast.finish()
  }
}
