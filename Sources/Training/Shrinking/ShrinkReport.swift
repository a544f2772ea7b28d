import Configuration
import Models

/// What came of a network that was shrunk.
public struct ShrinkReport: Sendable {
  /// A number of the configuration.
  public struct Size: Sendable, Equatable {
    /// Where it stands.
    public let setting: SizeSetting
    /// What it counts.
    public let kind: UnitGraph.Kind
    /// The number before and now.
    public let before, after: Int
  }

  /// The numbers that units are counted by, in forward order.
  public internal(set) var sizes: [Size] = []
  /// Trainable parameters before and now.
  public internal(set) var parameters = (before: 0, after: 0)
  /// Multiplications of one sample's forward pass before and now.
  public internal(set) var multiplyAdds = (before: 0, after: 0)
  /// The validation loss before, and now; nil without a validation split.
  public internal(set) var losses: (before: Double, after: Double)?
  /// The groups that could have gone at the start, and those that went.
  public internal(set) var groups = (removable: 0, removed: 0)
  /// The groups that were tried and put back.
  public internal(set) var rejected = 0
  /// The paths of parts that keep their sizes because no rule is known for them.
  public internal(set) var unruled: [String] = []
}

/// How shrinking ended.
public enum ShrinkOutcome: Sendable {
  /// The new run exists, or its plan does.
  case shrunk(ShrinkReport)
  /// Fine-tuning was asked to stop; the same command goes on.
  case interrupted(step: Int)

  /// What the command ends with.
  public var status: ExitStatus {
    switch self {
    case .shrunk: .done
    case .interrupted: .runAgain
    }
  }
}
