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
  func coupleBatch(from loader: BatchLoader, step: Int, stepInEpoch: Int) throws {
    guard let couplingStep, let coupling = model.coupling else { return }
    couplingStep.rows.open()
    for index in exchange.share {
      let microbatch = try nextMicrobatch(index, from: loader, step: step)
      clock.enter(.forward)
      model.embed(microbatch, store.base, step: step, observer: progress)
      couplingStep.write(microbatch, model)
      loader.recycle(microbatch)
    }
    clock.enter(.reduce)
    try exchange.join(couplingStep.rows, couplingStep.rowParts(of: exchange.deal))
    clock.enter(.forward)
    couplingStep.gather(exchange.deal.microbatches, scale: coupling.scale(store.base)) {
      plan.positions(step: stepInEpoch, microbatch: $0).count
    }
    if let sums = couplingStep.sums {
      sums.open()
      for index in exchange.share { couplingStep.measure(index, into: sums) }
      clock.enter(.reduce)
      try exchange.join(sums, couplingStep.sumParts(of: exchange.deal))
    }
    couplingStep.finish()
  }
}
