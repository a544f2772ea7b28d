import Glibc

/// One property of a file system that runs rely on, and how it was found.
public struct StorageFinding: Sendable, Equatable, Codable {
  /// How a property was found.
  public enum Verdict: String, Sendable, Codable {
    /// As it must be.
    case sound
    /// It works, but a run will feel it.
    case slow
    /// Runs can lose work, or not start.
    case broken
  }

  /// The property, one of those in the table of the documentation.
  public let property: String
  /// How it was found.
  public let verdict: Verdict
  /// What was seen, in a sentence without its full stop.
  public let detail: String
  /// What was measured by name, with units in the names.
  public let numbers: [String: Double]

  /// A finding from its parts.
  public init(
    _ property: String, _ verdict: Verdict, _ detail: String, _ numbers: [String: Double] = [:]
  ) {
    self.property = property
    self.verdict = verdict
    self.detail = detail
    self.numbers = numbers
  }

  /// A property that a call of the system refuses.
  static func failed(_ property: String, _ call: String, _ number: Int32) -> StorageFinding {
    StorageFinding(
      property, .broken, "\(call) failed (\(String(cString: strerror(number))))")
  }
}
