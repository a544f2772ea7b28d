import Configuration

/// What a finished run is pruned to, and how.
public struct PruneOptions: Sendable {
  /// How far is pruned.
  public enum Target: Sendable, Equatable {
    /// The share of the prunable weights that are zero.
    case sparsity(Double)
    /// What the groups of a pattern leave.
    case pattern
    /// The most bytes of the exported file, each tensor in its smallest form.
    case size(Int)
    /// The largest sparsity at which a metric of the validation split is worse by no more than so many
    /// hundredths.
    case budget(points: Double)
  }

  /// The run folder that is pruned; it stays as it is.
  public var run: String
  /// Which of its checkpoints.
  public var choice = TrainedModel.Choice.automatic
  /// The run folder that is made.
  public var output: String
  /// How far is pruned.
  public var target: Target
  /// Changes what the run itself pruned, or the defaults.
  public var settings: @Sendable (inout PruningConfiguration) -> Void = { _ in }
  /// Optimizer steps that the pruned network is trained for; 0: none.
  public var fineTuning = 0
  /// Keys of the configuration that training takes otherwise than the run did, as `key.path=value`.
  public var overrides: [String] = []
  /// The metric that is shown, and that a budget is of; nil: the one that chooses the run's best checkpoint.
  public var metric: String?
  /// How many sparsities a budget tries.
  public var tries = 10
  /// What the program calls itself, for the record.
  public var version: String

  /// Options from their parts; all others have their defaults.
  public init(run: String, output: String, target: Target, version: String) {
    self.run = run
    // What is made beside it has its name with something behind.
    self.output = output.count > 1 && output.hasSuffix("/") ? String(output.dropLast()) : output
    self.target = target
    self.version = version
  }
}
