/// Why an optimizer cannot be made from its configuration.
public struct OptimizerError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What kind of mistake it is.
  public enum Code: Sendable, Equatable {
    /// A pattern of names fits no parameter.
    case patternWithoutMatch
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
