/// Why metrics cannot be computed.
public struct MetricError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The kinds of failure, to branch on.
  public enum Code: Sendable, Equatable {
    /// A metric was asked for that no head can give.
    case unfitting
    /// A label lies outside the classes of its head.
    case label
    /// There is nothing to measure.
    case empty
    /// Microbatches are missing or were counted twice.
    case coverage
    /// The bytes of a partial do not belong to these heads and metrics.
    case partial
  }

  /// What kind of failure it is.
  public let code: Code
  /// What was expected, what was found and what to do.
  public let message: String

  /// The message, for people.
  public var description: String { message }
}
