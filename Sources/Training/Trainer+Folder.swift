import BLAS
import Buffers
import Checkpoints
import Configuration
import Foundation
import MPI
import Reports
import Tensors

extension Trainer {
  /// What may not change on resume: the configuration's identity and the data.
  var identityText: String { configuration.identity + "dataset: \(dataset.digest)\n" }

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
    var found = try folder.state(for: identityText)
    if options.fresh, found != .absent {
      try setFolderAside()
      found = .absent
    }
    switch found {
    case .complete where try isLongEnough(): return .complete
    case .foreign(let differences):
      throw TrainingError(
        .cannotCreate,
        "\(folder.path) holds another run (\(differences.joined(separator: "; "))); choose "
          + "another --output, or --fresh to rename it aside")
    case .occupied:
      throw TrainingError(
        .cannotCreate,
        "\(folder.path) exists and is no run folder; choose another --output, or --fresh to "
          + "rename it aside")
    case .absent:
      try folder.create(
        yaml: configuration.resolvedYAML, identityText: identityText,
        origin: options.configurationFolder)
    case .unfinished, .complete: break
    }
    // Only the holder of the lock may change what another job may still be writing.
    lock = try RunLock(folder: folder.path)
    if found != .absent {
      try folder.write(configuration.resolvedYAML, to: folder.configuration)
    }
    try? FileManager.default.removeItem(atPath: folder.summary)
    log = try JSONLines(path: folder.metrics)
    // A finished run of which more steps are asked for goes on.
    return found == .complete ? .unfinished : found
  }

  /// Renames the folder aside, unless another job is writing it.
  private func setFolderAside() throws {
    var held: RunLock?
    if FileManager.default.fileExists(atPath: folder.path + "/LOCK") {
      held = try RunLock(folder: folder.path)
    }
    let aside = try withExtendedLifetime(held) { try folder.setAside() }
    observer?.noted("the earlier folder is now \(aside)")
  }

  /// Whether the finished run has as many steps as are asked for now.
  private func isLongEnough() throws -> Bool {
    let summary = try RunSummary.load(folder.summary)
    return summary.steps >= totalSteps || summary.stoppedEarly
  }

  /// Releases the folder.
  func closeFolder() {
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
