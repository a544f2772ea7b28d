import Metrics

/// What an evaluation came to, with the names that make it readable.
public struct EvaluationOutcome: Sendable {
  /// The metrics.
  public let result: EvaluationResult
  /// Class names by head, where the data has them.
  public let classes: [String: [String]]
}
