import Configuration
import Datasets
import Metrics

/// How trained runs are combined.
public struct EnsembleOptions: Sendable {
  /// The rule.
  public var method: Method
  /// The split that is measured.
  public var split: SplitRole
  /// The head of every run; nil: the only one.
  public var head: String?
  /// Metrics beside the loss; empty: those of the first run that fit its head.
  public var metrics: [MetricName]

  /// The rules.
  public enum Method: Sendable, Equatable {
    /// The mean of probabilities or values.
    case mean
    /// Their mean with these weights, which are divided by their sum.
    case given([Double])
    /// Their mean with the weights that have the least loss on the validation split.
    case weighted
    /// Multinomial logistic regression on the logarithms of all members' probabilities, fitted on the
    /// validation split with this penalty (Wolpert, "Stacked generalization", 1992).
    case stacked(penalty: Double)

    /// Whether the validation split decides something.
    public var isFitted: Bool {
      switch self {
      case .mean, .given: false
      case .weighted, .stacked: true
      }
    }

    /// The word for it.
    public var keyword: String {
      switch self {
      case .mean: "mean"
      case .given, .weighted: "weighted"
      case .stacked: "stacked"
      }
    }
  }

  /// Options from their parts.
  public init(
    method: Method, split: SplitRole = .test, head: String? = nil, metrics: [MetricName] = []
  ) {
    self.method = method
    self.split = split
    self.head = head
    self.metrics = metrics
  }
}

/// What combined runs came to.
public struct EnsembleOutcome: Sendable {
  /// The ensemble, measured like one model.
  public let result: EvaluationResult
  /// Each run alone, measured in the same way.
  public let members: [EvaluationResult]
  /// The weight of each run; nil where a regression combines them.
  public let weights: [Double]?
  /// The ensemble's probabilities or values, `[S, Y]`.
  public let predictions: [Float]
}
