import BLAS
import Buffers
import Checkpoints
import CountedModels
import Exchange
import Foundation
import MPI
import Tensors

extension CountedTrainer {
  /// Takes the run folder for this run, or finds the finished run in it.
  ///
  /// - Returns: false if the run is already complete.
  /// - Throws: what ``RunClaim/take(isLongEnough:)`` throws, on all ranks.
  func openFolder() throws -> Bool {
    let isComplete = try world.agree { () -> Bool in
      guard world.rank == 0 else { return false }
      let taken = try RunClaim(
        folder: folder, identityText: identityText, yaml: configuration.resolvedYAML,
        origin: options.configurationFolder, fresh: options.fresh
      ).take { $0.steps >= totalSteps }
      (lock, log) = (taken.lock, taken.log)
      if let lock, let log { saver.holder = (lock, log) }
      if let aside = taken.aside { observer?.noted("the earlier folder is now \(aside)") }
      return taken.state == .complete
    }
    return try world.broadcast(Int64(isComplete ? 1 : 0), root: 0) == 0
  }

  /// Starts from the newest checkpoint that verifies, or from the initial values.
  func resumeOrInitialize() throws {
    guard let checkpoint = try resumption.choose(world, observer) else {
      // What a start logged that died before its first checkpoint is done again.
      try world.agree { try log?.truncate(to: 0) }
      return model.initialize()
    }
    try world.agree {
      state = checkpoint.manifest.state
      hasCheckpoint = true
      try checkpoint.read("parameters", 0..<model.store.layout.count, into: model.store.base)
      if let note = try log?.cut(to: state.logBytes) { observer?.noted(note) }
    }
  }

  /// Writes a checkpoint of the state after `state.step` steps, whole or not at all.
  ///
  /// Every rank writes an even part; rank 0 commits after all shards are safe on disk.
  ///
  /// - Parameter mustSucceed: whether the run ends where the disk is full.
  /// - Throws: ``AgreedFailure`` where it cannot be written.
  func save(mustSucceed: Bool) throws {
    clock.enter(.checkpoint)
    defer { clock.enter(.other) }
    state.logBytes = log?.offset ?? 0
    var saved = state
    saved.seconds = seconds
    let count = model.store.layout.count
    let part = (0..<count).part(world.rank, of: world.size)
    saver.start(
      CheckpointSaver.Order(
        manifest: manifest(saved),
        retention: Retention(
          keep: configuration.checkpoint.keep, passedOver: resumption.passedOver),
        bytes: count * MemoryLayout<Float>.stride),
      [ShardArray(name: "parameters", range: part, base: model.store.base + part.lowerBound)])
    let progress = try saver.finish()
    try saver.tell(progress, observer, orEnd: mustSucceed || !hasCheckpoint)
    guard case .committed(let step, _) = progress else { return }
    hasCheckpoint = true
    resumption.saved(step: step)
  }

  private func manifest(_ state: TrainingState) -> CheckpointManifest {
    var manifest = CheckpointManifest(
      state: state, parameterCount: model.store.layout.count, shards: [])
    manifest.tensors = model.store.layout.slots.map(TensorPlace.init)
    var identity = SHA256()
    identity.update(identityText)
    manifest.configurationIdentity = identity.hexadecimal()
    manifest.configuration = configuration.resolvedYAML
    manifest.datasetDigest = setUp.dataset.digest
    manifest.worldSize = world.size
    manifest.kernels = Kernels.name
    manifest.coreType = BLAS.coreType
    for metric in lastEvaluation?.named ?? [] { manifest.metrics[metric.name] = metric.value }
    return manifest
  }

  /// Writes the summary and the report of the finished run.
  ///
  /// - Returns: the summary, on every rank.
  /// - Throws: ``TrainingError`` if a file cannot be written.
  func finish() throws -> RunSummary {
    // A run that ended between its last checkpoint and its summary has the factors, not the metrics.
    if lastEvaluation == nil, let validation = setUp.validation {
      lastEvaluation = try measure(validation)
    }
    let wall = seconds
    var summary = RunSummary(
      steps: state.step, epochs: Double(state.step), ranks: world.size, wallSeconds: wall,
      samplesPerSecond: Double(state.step * setUp.training.count) / max(wall, 1e-9),
      metrics: [:], bestStep: nil, stoppedEarly: false, skippedSteps: 0, wireBytes: 0,
      parametersDigest: model.store.digest, phases: [:], timing: nil, noiseScale: nil,
      hosts: hosts, kernels: Kernels.name, coreType: BLAS.coreType, version: options.version)
    for metric in lastEvaluation?.named ?? [] {
      if let value = metric.value, value.isFinite { summary.metrics[metric.name] = value }
    }
    try world.agree {
      guard world.rank == 0 else { return }
      do {
        try log?.synchronize(through: log?.offset ?? 0)
        if let lastEvaluation {
          try folder.write(
            lastEvaluation.json(split: "validation") + "\n",
            to: folder.evaluation(of: "validation"))
        }
        try folder.write(summary.json, to: folder.summary)
      } catch {
        throw TrainingError(.inputOutput, "\(folder.path): the summary cannot be written: \(error)")
      }
      RunReport(folder).writeAtEnd(
        model: ModelFacts(setUp.dataset, setUp.training), telling: observer)
    }
    return summary
  }
}
