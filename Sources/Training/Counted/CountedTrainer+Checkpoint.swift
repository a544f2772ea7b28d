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
      if let aside = taken.aside { observer?.noted("the earlier folder is now \(aside)") }
      return taken.state == .complete
    }
    return try world.broadcast(Int64(isComplete ? 1 : 0), root: 0) == 0
  }

  /// Starts from the newest checkpoint that verifies, or from the initial values.
  func resumeOrInitialize() throws {
    let checkpoints = CheckpointFolder(folder.checkpoints)
    let found = try world.agree { () -> Checkpoint? in
      guard world.rank == 0 else { return nil }
      try checkpoints.prepare()
      return try checkpoints.loadNewestValid()
    }
    found?.rejected.forEach { observer?.noted("passed over a damaged checkpoint: \($0)") }
    let step = Int(try world.broadcast(Int64(found?.manifest.step ?? -1), root: 0))
    guard step >= 0 else {
      // A start that died before its first checkpoint has left lines.
      try world.agree { try log?.truncate(to: 0) }
      return model.initialize()
    }
    // Rank 0 has verified every file; the others need not read them all again.
    try world.agree {
      let checkpoint = try found ?? checkpoints.open(step: step, verifying: false)
      state = checkpoint.manifest.state
      try checkpoint.read("parameters", 0..<model.store.layout.count, into: model.store.base)
      try log?.truncate(to: state.logBytes)
    }
  }

  /// Writes a checkpoint of the state after `state.step` steps, whole or not at all.
  ///
  /// Every rank writes an even part; rank 0 commits after all shards are safe on disk.
  func save() throws {
    state.logBytes = log?.offset ?? 0
    var saved = state
    saved.seconds = seconds
    let checkpoints = CheckpointFolder(folder.checkpoints)
    let pending = checkpoints.pending(step: state.step)
    let count = model.store.layout.count
    try world.agree {
      guard world.rank == 0 else { return }
      try lock?.verify()
      try log?.synchronize()
      _ = try checkpoints.begin(
        step: state.step, expectedBytes: count * MemoryLayout<Float>.stride)
    }
    let record = try world.agree {
      let part = (0..<count).part(world.rank, of: world.size)
      return try checkpoints.writeShard(
        in: pending, index: world.rank, of: world.size,
        arrays: [
          ShardArray(
            name: "parameters", range: part, base: model.store.base + part.lowerBound)
        ])
    }
    let gathered = try world.gatherBytes(Array(try JSONEncoder().encode(record)), root: 0) ?? []
    try world.agree {
      guard world.rank == 0 else { return }
      let shards = try gathered.map { try JSONDecoder().decode(ShardRecord.self, from: Data($0)) }
      try checkpoints.commit(pending, manifest: manifest(saved, shards: shards))
      try checkpoints.retain(keep: configuration.checkpoint.keep, best: nil)
    }
    observer?.saved(step: state.step)
  }

  private func manifest(_ state: TrainingState, shards: [ShardRecord]) -> CheckpointManifest {
    var manifest = CheckpointManifest(
      state: state, parameterCount: model.store.layout.count,
      parametersDigest: model.store.digest, shards: shards)
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
        try log?.synchronize()
        if let lastEvaluation {
          try folder.write(
            lastEvaluation.json(split: "validation") + "\n",
            to: folder.evaluation(of: "validation"))
        }
        try folder.write(summary.json, to: folder.summary)
      } catch {
        throw TrainingError(.inputOutput, "\(folder.path): the summary cannot be written: \(error)")
      }
      try RunReport(folder).write(model: ModelFacts(setUp.dataset, setUp.training))
    }
    return summary
  }
}
