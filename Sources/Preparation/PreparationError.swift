/// Why raw files could not become a sample file.
public struct PreparationError: Error, Sendable, CustomStringConvertible {
  /// What kind of failure it is, to branch on.
  public enum Code: Sendable, Equatable {
    /// A source file is not there or cannot be opened.
    case missingSource
    /// A source file holds something else than its format or the recipe says.
    case badData
    /// The recipe contradicts itself or its sources.
    case badRecipe
    /// The output cannot be written.
    case cannotWrite
    /// The ranks do not see the same source files.
    case ranksDisagree
  }

  /// The kind of failure.
  public let code: Code
  /// What was expected, what was found, and what to do.
  public let message: String

  /// A failure from its kind and text.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  /// The message.
  public var description: String { message }
}
