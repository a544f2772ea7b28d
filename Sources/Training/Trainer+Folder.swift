import BLAS
import Buffers
import Checkpoints
import Configuration
import Foundation
import MPI
import Reports
import Tensors

extension Trainer {
  /// What may not change on resume: the configuration's identity, the data and the teachers.
  var identityText: String {
    configuration.identity + "dataset: \(dataset.digest)\n" + TrainingSetUp.lines(distillation)
  }

  /// The SHA-256 of ``identityText``.
  var identityDigest: String {
    var hash = SHA256()
    hash.update(identityText)
    return hash.hexadecimal()
  }

  /// Wall-clock seconds of training so far, over all starts of the run.
  var seconds: Double { state.seconds + Double(StepClock.now() - started) * 1e-9 }

  /// Takes the run folder for this run, or finds the finished run in it.
  ///
  /// - Returns: false if the run is already complete.
  /// - Throws: ``TrainingError`` if the folder belongs to something else, `CheckpointError` if
  ///   another job holds it.
  func openFolder() throws -> Bool {
    let state = try world.agree { () -> RunFolder.State in
      guard world.rank == 0 else { return .absent }
      return try takeFolder()
    }
    let isComplete = try world.broadcast(Int64(state == .complete ? 1 : 0), root: 0)
    return isComplete == 0
  }

  private func takeFolder() throws -> RunFolder.State {
    try requireSameBeginning()
    let taken = try RunClaim(
      folder: folder, identityText: identityText, yaml: configuration.resolvedYAML,
      origin: options.configurationFolder, fresh: options.fresh
    ).take { $0.steps >= totalSteps || $0.stoppedEarly }
    (lock, log) = (taken.lock, taken.log)
    if let lock, let log { saver.holder = (lock, log) }
    if taken.state != .complete {
      try folder.recordMeanings(dataset, TrainingSetUp.fieldNames(configuration.model))
      if let beginning = options.beginning {
        try folder.write(beginning.digest, to: folder.beginning)
      }
    }
    if let note = dataset.checksumNote { observer?.noted(note) }
    if configuration.train.precision == .bfloat16, !Kernels.hasDots {
      observer?.noted(
        "train.precision: this processor has no dot products of bfloat16; steps give the same bits, "
          + "but take longer than in float32")
    }
    if let aside = taken.aside { observer?.noted("the earlier folder is now \(aside)") }
    return taken.state
  }

  /// Refuses a folder whose run began with other weights, though all else is the same.
  private func requireSameBeginning() throws {
    guard let beginning = options.beginning,
      let found = try? String(contentsOfFile: folder.beginning, encoding: .utf8),
      found != beginning.digest
    else { return }
    throw TrainingError(
      .cannotCreate,
      "\(folder.path) holds a run that began with other weights; choose another --output, or delete it"
    )
  }

  /// Releases the folder.
  func closeFolder() {
    saver.holder = nil
    log = nil
    lock = nil
  }

  /// What is known when the run starts.
  var facts: RunFacts {
    RunFacts(
      name: configuration.name, ranks: world.size, hosts: hosts,
      parameters: model.layout.trainableCount, trainingSamples: training.count,
      validationSamples: validation?.count ?? 0, globalBatch: plan.global, microbatch: plan.micro,
      microbatchesPerStep: plan.microbatchesPerStep, totalSteps: totalSteps,
      stepsPerEpoch: plan.stepsPerEpoch, resumedFrom: state.step, kernels: Kernels.name,
      coreType: BLAS.coreType, arenaBytes: model.arenaBytes)
  }
}
