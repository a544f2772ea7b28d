/// Why weights cannot be pruned as asked.
public struct PruningError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What kind of mistake it is.
  public enum Code: Sendable, Equatable {
    /// A pattern of names fits nothing that could be pruned, or a tensor fits no group.
    case patternWithoutMatch
    /// The schedule asks for more zeros than there may be, or goes on when training is over.
    case impossibleTarget
    /// A weight or a score is NaN or infinite.
    case nonFinite
    /// Ranks, or a mask and its weights, do not agree: memory or a processor is faulty.
    case disagreement
  }

  /// What kind of mistake it is.
  public let code: Code
  /// What was expected, what was found, and what to do.
  public let message: String

  /// An error from its parts.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  /// The message.
  public var description: String { message }
}
