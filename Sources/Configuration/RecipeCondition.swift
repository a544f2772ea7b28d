/// Which rows of a split are kept: `where: {SOURCE.part: accepted}`.
public struct RecipeCondition: Sendable, Equatable {
  /// The source, which the split uses.
  public var source: String
  /// A column of its text: of a table, of a list of files, or a part of the files' names.
  public var part: String
  /// What the text must be.
  public var accepted: Accepted

  /// What a text must be.
  public enum Accepted: Sendable, Equatable {
    /// One of these.
    case texts([String])
    /// A whole number in this range; written `5...49`.
    case range(ClosedRange<Int>)

    /// Whether a text is accepted.
    ///
    /// - Parameter text: the text, nil where there is no value.
    /// - Returns: false without a value, and for what is no whole number where one is asked for.
    public func accepts(_ text: String?) -> Bool {
      guard let text else { return false }
      switch self {
      case .texts(let texts): return texts.contains(text)
      case .range(let range): return Int(text).map(range.contains) ?? false
      }
    }

    /// Reads `5...49`.
    init?(range text: String) {
      guard let dots = text.range(of: "..."), let first = Int(text[..<dots.lowerBound]),
        let last = Int(text[dots.upperBound...]), first <= last
      else { return nil }
      self = .range(first...last)
    }
  }

  /// A condition from its parts.
  public init(source: String, part: String, accepted: Accepted) {
    self.source = source
    self.part = part
    self.accepted = accepted
  }
}
