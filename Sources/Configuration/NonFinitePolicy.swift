/// What a NaN or infinity in a step does to the run.
///
/// It may change when a run is resumed: it decides numbers only where a step is not finite.
public enum NonFinitePolicy: Sendable, Equatable {
  /// Ends the run with exit code 79.
  case abort
  /// Leaves weights and optimizer state as they are and goes on, within limits.
  case skip(SkipLimits)
  /// Goes back to the last checkpoint and past the step, whose update is left out, so many times in a run.
  case rollback(times: Int)
  /// Computes the step once more to tell a faulty machine from data, and then does this.
  indirect case rerun(then: NonFinitePolicy)

  /// How many steps may be left out.
  public struct SkipLimits: Sendable, Equatable {
    /// In a row; default 10.
    public var consecutive = 10
    /// Among the last thousand steps; default 20.
    public var perThousand = 20

    /// The default limits.
    public init() {}

    /// Limits of one's own.
    public init(consecutive: Int, perThousand: Int) {
      self.consecutive = consecutive
      self.perThousand = perThousand
    }
  }

  /// What is done in the end: the policy itself, or what follows a second computation.
  public var final: NonFinitePolicy {
    if case .rerun(let then) = self { return then }
    return self
  }

  /// Whether a step is computed twice before anything is decided.
  public var reruns: Bool {
    if case .rerun = self { return true }
    return false
  }

  /// Whether the run goes back to a checkpoint.
  public var rollsBack: Bool {
    if case .rollback = final { return true }
    return false
  }
}
