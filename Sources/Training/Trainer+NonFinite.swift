import MPI
import Models
import Parameters
import Tensors

extension Trainer {
  /// Refuses labels and ids the model has no row for, before a kernel could read past its table.
  func refuseWrongLabels(_ microbatch: Microbatch) throws {
    guard let wrong = model.labelOutOfRange(microbatch) else { return }
    throw TrainingError(
      .badData,
      "\(training.role.rawValue) split, \(wrong); correct the data, or the size in the configuration"
    )
  }

  /// Remembers the first layer of this rank whose output is not finite, while its arena still holds it.
  func noteNonFinite(_ microbatch: Microbatch, lane: Int) {
    guard nonFiniteLayer == nil else { return }
    for head in 0..<model.heads.count where !model.losses(ofLane: lane)[head].isFinite {
      let layer =
        model.firstNonFinite(microbatch, inLane: lane)
        ?? "the loss of head \(model.heads[head].name)"
      nonFiniteLayer = layer
      return
    }
    // This loss is everybody's: only who finds a layer knows where it went wrong.
    guard let couplingStep, !couplingStep.loss.isFinite else { return }
    nonFiniteLayer = model.firstNonFinite(microbatch, inLane: lane)
  }

  /// Ends the run, or leaves the update out, as configured; the same decision on every rank.
  func handleNonFinite(_ record: StepRecord) throws {
    let layers = try world.allGatherBytes(Array((nonFiniteLayer ?? "").utf8))
    nonFiniteLayer = nil
    let reporter = layers.firstIndex { !$0.isEmpty }
    let place: String
    if let reporter {
      place = "\(String(decoding: layers[reporter], as: UTF8.self)) (rank \(reporter))"
    } else {
      let slot = optimizer.firstNonFinite(in: table.gradientNorms)
      place = "the gradient of \(slot ?? "an unknown parameter")"
    }
    let problem =
      "step \(record.step + 1): NaN or infinity first in \(place); loss \(record.loss.isNaN ? "NaN" : "\(record.loss)"), "
      + "gradient norm \(record.gradientNorm.isNaN ? "NaN" : "\(record.gradientNorm)")"
    if configuration.train.nonFinite == .abort {
      try failTogether(
        .nonFinite,
        problem + "; lower the learning rate, set train.clipNorm, or train.nonFinite: skip")
    }
    observer?.noted(problem + "; the update is left out")
    if state.skippedSteps >= 100 {
      try failTogether(.nonFinite, problem + "; 100 steps were skipped, the run cannot recover")
    }
  }

  /// Ends the run on all ranks with one message, for a failure that all of them see alike.
  ///
  /// A checkpoint under way is finished first: it is the newest there is to go on from.
  func failTogether(_ status: ExitStatus, _ message: String) throws {
    _ = try? saver.finish()
    try world.agree { throw TrainingError(status, message) }
  }
}
