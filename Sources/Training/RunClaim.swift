import Checkpoints
import Foundation
import Reports

/// Takes a run folder for one run: the right to write it, and its log.
///
/// Rank 0 makes it; what it finds decides for all ranks.
struct RunClaim {
  let folder: RunFolder
  /// What may not change on resume.
  let identityText: String
  /// The resolved configuration.
  let yaml: String
  /// The folder that relative paths of the configuration start from.
  let origin: String
  /// Whether an existing folder is renamed aside first.
  let fresh: Bool

  /// What was taken.
  struct Taken {
    /// What the run found.
    var state: RunFolder.State
    /// The right to write; nil where the run is complete.
    var lock: RunLock?
    /// `metrics.jsonl`; nil where the run is complete.
    var log: JSONLines?
    /// Where an earlier folder was renamed to.
    var aside: String?
  }

  /// Takes the folder, or finds the finished run in it.
  ///
  /// - Parameter isLongEnough: whether a finished run has all that is asked for now.
  /// - Returns: what was taken; nothing but the state where the run is complete.
  /// - Throws: ``TrainingError`` if the folder belongs to something else, `CheckpointError` if another
  ///   job holds it.
  func take(isLongEnough: (RunSummary) -> Bool) throws -> Taken {
    var taken = Taken(state: try folder.state(for: identityText))
    if fresh, taken.state != .absent {
      taken.aside = try setAside()
      taken.state = .absent
    }
    try refuse(taken.state)
    if try isDone(taken.state, isLongEnough) { return taken }
    if taken.state == .absent { try folder.make() }
    taken.lock = try RunLock(folder: folder.path)
    // Another job may have made, or ended, a run here since the first look; from now on none can.
    taken.state = try folder.state(for: identityText)
    try refuse(taken.state)
    if try isDone(taken.state, isLongEnough) {
      taken.lock = nil
      return taken
    }
    if taken.state == .absent {
      try folder.create(yaml: yaml, identityText: identityText, origin: origin)
    } else {
      try folder.complete(yaml: yaml, origin: origin)
    }
    try? FileManager.default.removeItem(atPath: folder.summary)
    taken.log = try JSONLines(path: folder.metrics)
    try folder.synchronize()
    // A finished run of which more steps are asked for goes on.
    if taken.state == .complete { taken.state = .unfinished }
    return taken
  }

  /// Throws where the folder belongs to something else.
  private func refuse(_ state: RunFolder.State) throws {
    switch state {
    case .foreign(let differences):
      throw TrainingError(
        .cannotCreate,
        "\(folder.path) holds another run (\(differences.joined(separator: "; "))); choose "
          + "another --output, or rename it aside, as train --fresh does")
    case .occupied:
      throw TrainingError(
        .cannotCreate,
        "\(folder.path) exists and is no run folder; choose another --output, or rename it "
          + "aside, as train --fresh does")
    case .absent, .unfinished, .complete: return
    }
  }

  /// Whether a finished run has all that is asked for.
  private func isDone(
    _ state: RunFolder.State, _ isLongEnough: (RunSummary) -> Bool
  ) throws -> Bool {
    try state == .complete && isLongEnough(RunSummary.load(folder.summary))
  }

  /// Renames the folder aside, unless another job is writing it.
  private func setAside() throws -> String {
    var held: RunLock?
    if FileManager.default.fileExists(atPath: folder.path + "/LOCK") {
      held = try RunLock(folder: folder.path)
    }
    return try withExtendedLifetime(held) { try folder.setAside() }
  }
}
