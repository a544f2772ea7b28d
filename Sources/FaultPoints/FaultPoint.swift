/// A named place where a test may make something go wrong.
///
/// Only debug builds can: there the variable `AIMASS_FAULT` says what happens where (``FaultPlan``). In a
/// release build ``reach()`` and ``fires`` are empty and are compiled away, and the variable means nothing.
public enum FaultPoint: CaseIterable, Sendable {
  /// The first step of this start is about to begin.
  case trainingStarted
  /// An optimizer step is about to begin.
  case stepBegun
  /// Gradients are reduced, nothing is updated yet, as far as updates wait.
  case stepReduced
  /// An optimizer step is done and logged.
  case stepDone

  /// A microbatch is loaded; an action `KIND@FIELD` spoils its last value.
  case inputReady
  /// A pass is about to begin; an action `KIND@TENSOR` spoils the gradient it will write.
  case gradientReady
  /// The losses of a microbatch are known; an action `KIND@HEAD`, by number, spoils one.
  case lossReady
  /// Weights have moved; an action `KIND@TENSOR` or `KIND@ARRAY` spoils the owner's.
  case weightsMoved
  /// Nobody writes weights and optimizer state now; actions as for ``weightsMoved``, and `KIND@copy of TENSOR` spoils
  /// what a node holds of others.
  case memoryAtRest

  /// The state to be saved is copied, nothing is written.
  case checkpointStaged
  /// The temporary folder exists.
  case checkpointBegun
  /// This rank's shard is created and empty.
  case shardCreated
  /// This rank's shard is written, not yet synced.
  case shardWritten
  /// This rank's shard is synced and closed.
  case shardSynced
  /// All ranks have told each other that their shards are safe.
  case shardsAgreed
  /// `manifest.json` is safe in the temporary folder.
  case manifestWritten
  /// `COMMIT` is safe in the temporary folder, which still has its temporary name.
  case commitWritten
  /// The checkpoint has its name, which is not synced yet.
  case checkpointRenamed
  /// The checkpoint exists and is safe.
  case checkpointCommitted
  /// An old checkpoint has lost its name and is about to be deleted.
  case checkpointHidden
  /// An old checkpoint is deleted.
  case checkpointDeleted
  /// A checkpoint was chosen, nothing of it is loaded.
  case checkpointChosen
  /// The chosen checkpoint is loaded.
  case checkpointLoaded
}

#if DEBUG
  extension FaultPoint {
    /// Tells that this place is reached; a plan may end or stop the process here.
    public func reach() { _ = FaultPlan.current?.take(self) }

    /// Whether a plan asks the caller to do here what the point is named for; ask once per passage.
    public var fires: Bool { FaultPlan.current?.take(self) != nil }

    /// The text of the action a plan has for this passage, for points that need more than yes or no.
    public var argument: String? { FaultPlan.current?.take(self) }

    /// Defines an action that needs more than this room has.
    public static func define(_ action: String, _ body: @escaping @Sendable () -> Void) {
      FaultPlan.defined.withLock { $0[action] = body }
    }
  }
#else
  extension FaultPoint {
    /// Does nothing: a release build has no faults.
    @inlinable @inline(__always) public func reach() {}

    /// Never: a release build has no faults.
    @inlinable @inline(__always) public var fires: Bool { false }

    /// None: a release build has no faults.
    @inlinable @inline(__always) public var argument: String? { nil }
  }
#endif
