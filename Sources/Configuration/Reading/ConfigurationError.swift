/// Everything that is wrong with one configuration or recipe, told at once.
public struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What kind of failure it is.
  public enum Code: Sendable, Equatable {
    /// The file does not exist.
    case missing
    /// The file exists and cannot be read as text.
    case unreadable
    /// The text was read and is not a valid configuration.
    case invalid
  }

  /// One thing that is wrong.
  public struct Problem: Sendable, Equatable {
    /// The dotted path of the key or value; empty for the file as a whole.
    public var path: String
    /// The line in the file, from 1; nil for the file as a whole or an override.
    public var line: Int?
    /// The override, as written after `--set`, that brought the value; nil for the file's own.
    public var override: String?
    /// What was expected, what was found, what to do.
    public var message: String
  }

  /// What kind of failure it is.
  public let code: Code
  /// The file's name as the person gave it.
  public let name: String
  /// All problems in the order of the file, those of overrides last; never empty.
  public let problems: [Problem]

  /// One line per problem: `FILE:LINE: path: message`.
  public var description: String {
    problems.map(line(of:)).joined(separator: "\n")
  }

  private func line(of problem: Problem) -> String {
    var parts: [String] = []
    if let override = problem.override {
      parts.append("--set \(override)")
    } else if let line = problem.line {
      parts.append("\(name):\(line)")
    } else {
      parts.append(name)
    }
    if !problem.path.isEmpty { parts.append(problem.path) }
    parts.append(problem.message)
    return parts.joined(separator: ": ")
  }
}
