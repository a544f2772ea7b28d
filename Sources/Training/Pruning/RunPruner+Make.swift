import Checkpoints
import Configuration
import Foundation
import Glibc
import MPI
import Reports

extension RunPruner {
  /// A run that was made.
  struct Made {
    /// The metric after fine-tuning; nil without.
    var metric: Double?
  }

  /// Makes the new run at a sparsity, or gives it its name where a search has made it; collective.
  ///
  /// - Returns: nil where training was asked to stop before its end.
  func make(_ sparsity: Double, _ observer: (any TrainingObserver)?) throws -> Made? {
    guard case .budget = options.target, options.fineTuning > 0 else {
      return try train(at: sparsity, into: options.output, observer)
    }
    try world.agree {
      guard world.rank == 0 else { return }
      guard rename(tryFolder(sparsity), options.output) == 0 else {
        throw TrainingError(
          .cannotCreate,
          "\(options.output): the run cannot be given its name (\(String(cString: strerror(errno))))"
        )
      }
      try Folders.sync(
        URL(fileURLWithPath: options.output).deletingLastPathComponent().path)
    }
    try removeTries()
    return Made()
  }

  /// Makes a run that is pruned to a sparsity, and trains it; collective.
  ///
  /// One that was made before is taken as it is, one that was interrupted goes on.
  ///
  /// - Returns: nil where training was asked to stop before its end.
  func train(
    at sparsity: Double, into folder: String, _ observer: (any TrainingObserver)?
  ) throws -> Made? {
    var settings = configuration
    settings.pruning?.schedule = .oneShot(sparsity: sparsity, at: 0)
    let origin = try? String(contentsOfFile: RunFolder(options.run).origin, encoding: .utf8)
    let trainer = try Trainer(
      world,
      TrainingOptions(
        configuration: settings, configurationFolder: origin ?? options.run, output: folder,
        version: options.version), observer: observer)
    if case .interrupted = try trainer.run() { return nil }
    guard options.fineTuning > 0, let metric else { return Made() }
    let tuned = try world.agree {
      try TrainedModel(TrainedModel.Request(run: folder, split: trained.split.role))
    }
    return Made(
      metric: try tuned.evaluate(tuned.store.base, on: world, metric).value(of: metric))
  }

  /// Where a search makes the run of a sparsity.
  func tryFolder(_ sparsity: Double) -> String { "\(triesFolder)/\(sparsity)" }

  /// The folder of a search beside the one that is made.
  private var triesFolder: String { options.output + ".tries" }

  /// Removes what a search has made and not taken.
  func removeTries() throws {
    try world.agree {
      guard world.rank == 0, FileManager.default.fileExists(atPath: triesFolder) else { return }
      do {
        try FileManager.default.removeItem(atPath: triesFolder)
      } catch {
        throw TrainingError(.inputOutput, "\(triesFolder): cannot be removed: \(error)")
      }
    }
  }

  /// Leaves the outcome in the new run folder.
  func keep(_ outcome: PruneOutcome) throws {
    try world.agree {
      guard world.rank == 0 else { return }
      let folder = RunFolder(options.output)
      try folder.write(JSONText.pretty(outcome.json), to: folder.pruning)
      try folder.write(outcome.picture, to: folder.pruningPicture)
    }
  }
}
