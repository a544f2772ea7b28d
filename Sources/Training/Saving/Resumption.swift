import Checkpoints
import FaultPoints
import MPI

/// Chooses the checkpoint that a start goes on from, and remembers how that went.
final class Resumption {
  /// Steps after which a start has shown that its checkpoint is not what kills it.
  static let provingSteps = 10

  private let folder: CheckpointFolder
  private var chosen: Int?
  /// Steps that this start passed over, as far as they were not written anew; rank 0 only.
  private(set) var passedOver: Set<Int> = []
  private var isOwner = false

  /// For the checkpoints of a run.
  init(_ folder: CheckpointFolder) { self.folder = folder }

  /// Opens the newest checkpoint that verifies and has not killed two starts; collective.
  ///
  /// Rank 0 removes litter, verifies every file, and notes the attempt.
  ///
  /// - Returns: the checkpoint, on every rank; nil where none was ever made.
  /// - Throws: ``AgreedFailure`` with a `CheckpointError`, or with a ``TrainingError`` where ranks see different
  ///   ones; `MPIError`.
  func choose(
    _ world: Communicator, _ observer: (any TrainingObserver)?
  ) throws -> Checkpoint? {
    isOwner = world.rank == 0
    let attempts = CheckpointAttempts(folder)
    let found = try world.agree { () -> Checkpoint? in
      guard isOwner else { return nil }
      try folder.prepare()
      passedOver = try attempts.exhausted()
      let found = try folder.loadNewestValid(passingOver: passedOver)
      if let found { try attempts.begin(step: found.manifest.step) }
      return found
    }
    found?.rejected.forEach { observer?.noted("passed over a checkpoint: \($0)") }
    let step = Int(try world.broadcast(Int64(found?.manifest.step ?? -1), root: 0))
    guard step >= 0 else { return nil }
    chosen = step
    FaultPoint.checkpointChosen.reach()
    // Rank 0 has verified every file; the others need not read them all again.
    let checkpoint = try world.agree { try found ?? folder.open(step: step, verifying: false) }
    try requireSame(checkpoint, world)
    return checkpoint
  }

  /// Refuses a checkpoint that another rank sees with other content: its folder is not the same everywhere.
  private func requireSame(_ checkpoint: Checkpoint, _ world: Communicator) throws {
    let content = checkpoint.manifest.shards.map(\.sha256).joined(separator: " ")
    let all = try world.allGatherBytes(Array(content.utf8))
    let odd = all.indices.first { all[$0] != all[0] }
    try world.agree {
      guard world.rank == odd else { return }
      throw TrainingError(
        .ranksDisagree,
        "on \(world.hostName) the checkpoint of step \(checkpoint.manifest.step) is not the one that rank 0 "
          + "sees; put \(folder.path) on storage that all hosts share")
    }
  }

  /// Tells that the start is `step` steps far, or has ended with a reason.
  ///
  /// - Parameter step: steps done; nil at an end.
  func went(to step: Int?) {
    guard isOwner, let chosen else { return }
    if let step, step < chosen + Self.provingSteps { return }
    CheckpointAttempts(folder).forget(step: chosen)
    self.chosen = nil
  }

  /// Tells that the checkpoint of `step` was written: if one of that step was passed over, it is no more.
  func saved(step: Int) {
    guard isOwner else { return }
    passedOver.remove(step)
    CheckpointAttempts(folder).forget(step: step)
  }
}
