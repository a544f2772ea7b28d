/// One value of a document, with the place it was written.
///
/// Our own tree keeps the YAML library behind `DocumentNode+YAML.swift` and lets overrides replace
/// values while each remembers where it came from.
struct DocumentNode {
  /// Where a value was written.
  enum Place: Equatable {
    /// A line of the file, from 1.
    case line(Int)
    /// An override, as written after `--set`.
    case override(String)
    /// The document as a whole.
    case document
  }

  /// One line of a map.
  struct Entry {
    /// The key's text.
    var key: String
    /// Where the key was written.
    var place: Place
    /// What it holds.
    var value: DocumentNode
  }

  /// The three forms of a value.
  indirect enum Content {
    /// Text; quoted text is never a number, a flag or nothing.
    case scalar(String, quoted: Bool)
    /// Values in order.
    case list([DocumentNode])
    /// Keys, unique, in order.
    case map([Entry])
  }

  /// Where the value begins.
  var place: Place
  /// The value.
  var content: Content

  /// Whether nothing was written, or `null`.
  var isNothing: Bool {
    guard case .scalar(let text, quoted: false) = content else { return false }
    return ["", "~", "null", "Null", "NULL"].contains(text)
  }

  /// Whether an override took the value away.
  var isRemoved: Bool {
    guard case .override = place else { return false }
    return isNothing
  }

  /// The value in a few words, for "found …".
  var summary: String {
    switch content {
    case .scalar(let text, let quoted):
      if isNothing { return "nothing" }
      let short = text.count > 60 ? String(text.prefix(60)) + "…" : text
      let line = short.split(whereSeparator: \.isNewline).joined(separator: " ")
      return quoted ? "the text \"\(line)\"" : line
    case .list(let elements):
      return elements.count == 1 ? "a list of 1 element" : "a list of \(elements.count) elements"
    case .map(let entries):
      if entries.isEmpty { return "an empty map" }
      let names = entries.prefix(4).map(\.key).joined(separator: ", ")
      return "a map with \(names)\(entries.count > 4 ? ", …" : "")"
    }
  }
}
