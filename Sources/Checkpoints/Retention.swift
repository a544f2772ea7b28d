import Glibc

/// Which checkpoints stay.
public struct Retention: Sendable, Equatable {
  /// How many of the newest stay, at least 1.
  public var keep: Int
  /// Checkpoints of steps that are multiples of this stay for good.
  public var keepEvery: Int?
  /// The step of the best checkpoint, which stays too.
  public var best: Int?
  /// Steps that this start passed over, from which no start goes on.
  public var passedOver: Set<Int>

  /// A rule from its parts.
  public init(
    keep: Int, keepEvery: Int? = nil, best: Int? = nil, passedOver: Set<Int> = []
  ) {
    precondition(keep >= 1, "at least one checkpoint stays")
    precondition(keepEvery.map { $0 >= 1 } ?? true, "a multiple of what is below 1")
    self.keep = keep
    self.keepEvery = keepEvery
    self.best = best
    self.passedOver = passedOver
  }

  /// Those of `steps` that go, oldest first.
  ///
  /// One that was passed over is none of the newest that stay. It goes once a later one is written, as does any
  /// other that is not kept; until then it waits for a person.
  ///
  /// - Parameters:
  ///   - steps: of committed checkpoints, newest first.
  ///   - written: the one that was written just now.
  ///   - pinned: steps that a person keeps.
  /// - Returns: what ``CheckpointFolder/retain(_:after:)`` deletes.
  func doomed(_ steps: [Int], after written: Int, pinned: Set<Int>) -> [Int] {
    let past = steps.filter { $0 <= written }
    let kept = past.filter { $0 == written || !passedOver.contains($0) }.prefix(keep)
    return past.filter { step in
      !kept.contains(step) && step != best && !pinned.contains(step)
        && !(keepEvery.map { step.isMultiple(of: $0) } ?? false)
    }.reversed()
  }
}

extension CheckpointFolder {
  /// Deletes old checkpoints, oldest first; only after a commit.
  ///
  /// - Parameters:
  ///   - rule: which stay; pinned ones stay always, and those of later steps, which a start has passed over.
  ///   - written: the checkpoint that was committed just now.
  /// - Returns: the steps that were deleted.
  /// - Throws: `CheckpointError` if one cannot be deleted.
  @discardableResult
  public func retain(_ rule: Retention, after written: Int) throws -> [Int] {
    let doomed = rule.doomed(try list(), after: written, pinned: try pinned())
    // A person may have pinned one meanwhile.
    return try doomed.filter { step in
      if try pinned().contains(step) { return false }
      try delete(step: step)
      return true
    }
  }

  /// The steps of checkpoints that no retention deletes.
  ///
  /// - Throws: `CheckpointError` if the folder cannot be listed.
  public func pinned() throws -> Set<Int> {
    Set(
      try Folders.names(in: path).filter { $0.hasPrefix(Self.pinPrefix) }.compactMap {
        Self.step(ofName: String($0.dropFirst(Self.pinPrefix.count)))
      })
  }

  /// Keeps the checkpoint of a step whatever retention says, or no longer.
  ///
  /// The mark is an empty file beside the checkpoint, so the checkpoint itself stays as it is.
  ///
  /// - Throws: `CheckpointError` `missing` where there is no such checkpoint, or if the mark cannot be made.
  public func pin(step: Int, _ isPinned: Bool = true) throws {
    let mark = "\(path)/\(Self.pinPrefix)\(Self.name(ofStep: step))"
    if isPinned {
      _ = try open(step: step, verifying: false)
      if access(mark, F_OK) == 0 { return }
      _ = try OutputFile.create(mark) { _ in }
      // A run at work may have deleted it before it could see the mark.
      guard try Folders.exists(path(ofStep: step)) else {
        _ = uninterrupted { unlink(mark) }
        throw CheckpointError(
          .missing, "the run has just deleted the checkpoint of step \(step) in \(path)")
      }
    } else {
      guard uninterrupted({ unlink(mark) }) == 0 || errno == ENOENT else {
        throw CheckpointError.system(errno, "delete", mark)
      }
    }
    try Folders.sync(path)
  }
}
