/// A run whose model is fitted by counting over its data instead of by gradients.
public struct CountedRunConfiguration: Sendable, Equatable {
  /// Names the run folder and the report.
  public var name: String
  /// Seeds initial values; default 0.
  public var seed: UInt64
  /// Where samples come from.
  public var data: DataConfiguration
  /// What is fitted.
  public var factorization: FactorizationConfiguration
  /// When checkpoints are written and how many stay; a step is a sweep, default each.
  public var checkpoint: CheckpointConfiguration
  /// When and what is measured.
  public var evaluate: CountedEvaluateConfiguration
  /// Seconds without any sign of life after which the watchdog ends the job; default 120, 0 for never.
  public var watchdogSeconds: Int
}

/// A matrix of users and items as a product of two thin ones, fitted by alternating least squares.
public struct FactorizationConfiguration: Sendable, Equatable {
  /// What is minimised.
  public var method: Method
  /// The field of user ids.
  public var user: String
  /// The field of item ids.
  public var item: String
  /// The field of values; nil only where every interaction counts 1 (``Method/implicitALS(alpha:)``).
  public var value: String?
  /// k: length of a user's and an item's vector; default 32.
  public var factors: Int
  /// λ; default 0.1.
  public var regularization: Double
  /// Passes over users and items; default 15.
  public var sweeps: Int
  /// Standard deviation of the items' initial vectors; default 0.1.
  public var deviation: Double

  /// What is minimised.
  public enum Method: Sendable, Equatable {
    /// Squared error of given values, with the mean and, if asked, biases of users and items.
    ///
    /// With `weighted`, λ is multiplied by the number of the row's values (Zhou et al. 2008);
    /// `biasRegularization` is λ of the biases.
    case als(biases: Bool, weighted: Bool, biasRegularization: Double)
    /// Squared error of "interacted or not" over all pairs, a pair with value r weighing 1 + α r (Hu,
    /// Koren and Volinsky 2008).
    case implicitALS(alpha: Double)

    /// The word for it in a configuration.
    public var keyword: String {
      switch self {
      case .als: "als"
      case .implicitALS: "implicitALS"
      }
    }
  }

  /// The fields that are read, each once.
  public var fields: [String] { [user, item] + (value.map { [$0] } ?? []) }
}

/// When and what a counted run measures on the validation split.
public struct CountedEvaluateConfiguration: Sendable, Equatable {
  /// Sweeps between evaluations; default 1.
  public var everySteps: Int
  /// Names of metrics; empty: those that fit.
  public var metrics: [String]
  /// The least value of a held-out interaction that makes its item a right answer of a ranking; nil: all
  /// are.
  public var relevant: Double?
}

/// A run of either kind, as a file describes it.
public enum ConfiguredRun: Sendable, Equatable {
  /// A network trained by gradients.
  case network(RunConfiguration)
  /// A model fitted by counting.
  case counted(CountedRunConfiguration)

  /// Reads a configuration file of either kind.
  ///
  /// - Parameters:
  ///   - path: the YAML file.
  ///   - overrides: `key.path=value` each, applied in order before decoding; values are YAML.
  /// - Returns: a counted run if the file has the key `factorization`, else a network.
  /// - Throws: ``ConfigurationError`` with everything that is wrong.
  public static func load(path: String, overrides: [String] = []) throws -> ConfiguredRun {
    try decode(yaml: DocumentFile.text(path: path), name: path, overrides: overrides)
  }

  /// Reads a configuration of either kind from its text; as ``load(path:overrides:)``.
  public static func decode(
    yaml: String, name: String, overrides: [String] = []
  ) throws -> ConfiguredRun {
    let problems = Problems()
    let root = try DocumentNode.document(
      yaml: yaml, name: name, overrides: overrides, into: problems)
    guard case .map(let entries) = root.content,
      entries.contains(where: { $0.key == "factorization" && !$0.value.isRemoved })
    else {
      return .network(try RunConfiguration.decode(yaml: yaml, name: name, overrides: overrides))
    }
    let value = ValueReader(node: root, path: "", problems: problems)
    let configuration = CountedRunConfiguration(reading: value)
    try problems.throwIfAny(name: name)
    return .counted(configuration)
  }

  /// The run's name.
  public var name: String {
    switch self {
    case .network(let run): run.name
    case .counted(let run): run.name
    }
  }

  /// Where its samples come from.
  public var data: DataConfiguration {
    switch self {
    case .network(let run): run.data
    case .counted(let run): run.data
    }
  }
}
