import Checkpoints
import Parameters
import Pruning
import Reports

extension Trainer {
  /// Chooses the mask anew where the schedule says so after `state.step` steps; collective.
  ///
  /// - Parameter isSkipped: whether the step just done had no update.
  /// - Throws: ``TrainingError`` for a NaN, or where ranks do not agree; `MPIError`.
  func pruneIfDue(isSkipped: Bool = false) throws {
    guard let pruner, pruner.isDue(after: state.step) else { return }
    clock.enter(.update)
    defer { clock.enter(.other) }
    try memoryCheck.beforeUpdate(step: state.step)
    do {
      if let record = try pruner.update(after: state.step, isSkipped: isSkipped) {
        state.pruning = record
        memoryCheck.mask = pruner.mask
        try log(record)
      }
    } catch let error as PruningError {
      try failTogether(error.code == .nonFinite ? .nonFinite : .failure, error.message)
    }
    if let problem = try memoryCheck.afterUpdate(step: state.step, always: true) {
      try failTogether(.failure, problem)
    }
  }

  /// Lets the criterion see a gradient before the weights move.
  func observeScores(_ block: GlobalGradients.Block) {
    guard let pruner, state.step < pruner.setUp.schedule.lastStep else { return }
    pruner.scores.observe(block)
  }

  /// Logs a choice on rank 0, and tells of the last.
  private func log(_ record: TrainingState.Pruning) throws {
    guard let observer else { return }
    let thresholds = record.thresholds.map { key -> JSONValue in
      key.map { .number(Double(Float(bitPattern: $0))) } ?? .null
    }
    var members: [JSONValue.Member] = [
      .init("sparsity", .number(Double(record.zeros) / Double(record.weights))),
      .init("zeros", .integer(record.zeros)), .init("weights", .integer(record.weights)),
      .init("thresholds", .array(thresholds)), .init("mask", .text(record.checksum)),
    ]
    if let grown = record.grown { members.append(.init("grown", .integer(grown))) }
    _ = try log?.append(
      .object([.init("step", .integer(record.step)), .init("pruning", .object(members))]))
    guard record.step == pruner?.setUp.schedule.lastStep else { return }
    observer.noted(
      "pruned for the last time after step \(record.step): \(record.zeros) of \(record.weights) weights are 0"
    )
  }

  /// What a summary says of pruning; nil where nothing is pruned.
  var pruningSummary: RunSummary.Pruning? {
    guard let pruner, let record = state.pruning, let mask = pruner.mask else { return nil }
    let tensors = pruner.setUp.plan.tensors.map { tensor in
      RunSummary.Pruning.Tensor(
        name: tensor.name, weights: tensor.range.count,
        zeros: tensor.range.count - mask.liveCount(in: tensor.range))
    }
    return RunSummary.Pruning(
      step: record.step, sparsity: Double(record.zeros) / Double(record.weights),
      zeros: record.zeros, weights: record.weights, mask: record.checksum, tensors: tensors)
  }
}
