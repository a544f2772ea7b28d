/// Writes YAML in one fixed form: two blanks of indentation, keys in the order given, no comments.
struct CanonicalWriter {
  /// A value to be written.
  indirect enum Value {
    /// Text, quoted where it could be read as something else.
    case text(String)
    /// A number or flag, written as it is.
    case plain(String)
    /// Values on one line.
    case list([Value])
    /// Keys on one line: `{out: 10, bias: true}`.
    case inline([(String, Value)])
    /// Keys on lines of their own.
    case map([(String, Value)])
    /// Values on lines of their own, each after a dash.
    case lines([Value])
  }

  /// The text of a document.
  static func document(_ entries: [(String, Value)]) -> String {
    entries.map { line($0.0, $0.1, indent: 0) }.joined()
  }

  private static func line(_ key: String, _ value: Value, indent: Int) -> String {
    let start = String(repeating: " ", count: indent) + quoted(key) + ":"
    switch value {
    case .map(let entries) where !entries.isEmpty:
      return start + "\n" + entries.map { line($0.0, $0.1, indent: indent + 2) }.joined()
    case .lines(let elements) where !elements.isEmpty:
      let dash = String(repeating: " ", count: indent + 2) + "- "
      return start + "\n" + elements.map { dash + flow($0) + "\n" }.joined()
    default:
      return start + " " + flow(value) + "\n"
    }
  }

  private static func flow(_ value: Value) -> String {
    switch value {
    case .text(let text): return quoted(text)
    case .plain(let text): return text
    case .list(let elements), .lines(let elements):
      return "[" + elements.map(flow).joined(separator: ", ") + "]"
    case .inline(let entries), .map(let entries):
      return "{" + entries.map { quoted($0.0) + ": " + flow($0.1) }.joined(separator: ", ") + "}"
    }
  }

  /// The text as it is where that is safe, else in double quotes with escapes.
  static func quoted(_ text: String) -> String {
    let safe = text.unicodeScalars.allSatisfy {
      ("a"..."z").contains($0) || ("A"..."Z").contains($0) || ("0"..."9").contains($0)
        || "._-/".unicodeScalars.contains($0)
    }
    let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
    let first = text.unicodeScalars.first
    if safe, let first, ("a"..."z").contains(first) || ("A"..."Z").contains(first) || first == "/",
      !words.contains(text.lowercased())
    {
      return text
    }
    return "\"" + text.unicodeScalars.map(escaped).joined() + "\""
  }

  private static func escaped(_ scalar: Unicode.Scalar) -> String {
    switch scalar {
    case "\"": return "\\\""
    case "\\": return "\\\\"
    case "\n": return "\\n"
    case "\t": return "\\t"
    case "\r": return "\\r"
    case " "..."~": return String(scalar)
    default:
      let digits = String(scalar.value, radix: 16)
      return "\\U" + String(repeating: "0", count: 8 - digits.count) + digits
    }
  }
}

extension CanonicalWriter.Value {
  /// A number in the shortest form that reads back equal.
  static func number(_ value: Double) -> Self { .plain("\(value)") }
  /// A whole number.
  static func number(_ value: some BinaryInteger) -> Self { .plain("\(value)") }
  /// A flag.
  static func flag(_ value: Bool) -> Self { .plain(value ? "true" : "false") }
  /// Texts on one line.
  static func texts(_ values: [String]) -> Self { .list(values.map(Self.text)) }
  /// Numbers on one line.
  static func numbers(_ values: [Double]) -> Self { .list(values.map { .number($0) }) }
  /// Whole numbers on one line.
  static func numbers(_ values: [Int]) -> Self { .list(values.map { .number($0) }) }
}
