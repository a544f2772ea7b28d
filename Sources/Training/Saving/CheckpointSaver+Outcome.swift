import Checkpoints
import MPI

extension CheckpointSaver {
  /// Tells a person what came of a stage, and ends the run where it cannot do without that checkpoint.
  ///
  /// Collective. A full disk passes: training can go on and try again.
  ///
  /// - Parameters:
  ///   - progress: what came of it.
  ///   - observer: told of it.
  ///   - isNeeded: whether the run cannot go on without this checkpoint.
  /// - Throws: ``AgreedFailure`` with a `CheckpointError` on all ranks.
  func tell(
    _ progress: Progress, _ observer: (any TrainingObserver)?, orEnd isNeeded: Bool
  ) throws {
    switch progress {
    case .going: break
    case .committed(let step, let note):
      observer?.saved(step: step)
      if let note { observer?.noted(note) }
    case .failed(let failure):
      if isNeeded || !failure.isPassing { return try world.agree { throw failure.error } }
      observer?.noted("\(failure.message); training goes on and tries again at the next")
    }
  }
}
