import Glibc

/// Which checkpoints stay.
public struct Retention: Sendable, Equatable {
  /// How many of the newest stay, at least 1.
  public var keep: Int
  /// Checkpoints of steps that are multiples of this stay for good.
  public var keepEvery: Int?
  /// The step of the best checkpoint, which stays too.
  public var best: Int?

  /// A rule from its parts.
  public init(keep: Int, keepEvery: Int? = nil, best: Int? = nil) {
    precondition(keep >= 1, "at least one checkpoint stays")
    precondition(keepEvery.map { $0 >= 1 } ?? true, "a multiple of what is below 1")
    self.keep = keep
    self.keepEvery = keepEvery
    self.best = best
  }

  /// Those of `steps` that go, oldest first.
  ///
  /// - Parameters:
  ///   - steps: of committed checkpoints, newest first.
  ///   - pinned: steps that a person keeps.
  /// - Returns: what ``CheckpointFolder/retain(_:)`` deletes.
  func doomed(_ steps: [Int], pinned: Set<Int>) -> [Int] {
    steps.dropFirst(keep).filter { step in
      step != best && !pinned.contains(step)
        && !(keepEvery.map { step.isMultiple(of: $0) } ?? false)
    }.reversed()
  }
}

extension CheckpointFolder {
  /// Deletes old checkpoints, oldest first; only after a commit.
  ///
  /// - Parameter rule: which stay; pinned ones stay always.
  /// - Returns: the steps that were deleted.
  /// - Throws: `CheckpointError` if one cannot be deleted.
  @discardableResult
  public func retain(_ rule: Retention) throws -> [Int] {
    let doomed = rule.doomed(try list(), pinned: try pinned())
    for step in doomed { try delete(step: step) }
    return doomed
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
    } else {
      guard uninterrupted({ unlink(mark) }) == 0 || errno == ENOENT else {
        throw CheckpointError.system(errno, "delete", mark)
      }
    }
    try Folders.sync(path)
  }
}
