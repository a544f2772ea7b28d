/// Writes ``JSONValue``: the same value always gives the same bytes.
public enum JSONText {
  /// The value on one line.
  ///
  /// - Parameter value: what to write.
  /// - Returns: members in their order, the shortest numbers that read back equal, and null for
  ///   what is not finite; no line break, not even within texts.
  public static func line(_ value: JSONValue) -> String {
    var text = ""
    write(value, depth: nil, to: &text)
    return text
  }

  /// The value indented by two spaces, for files that people open.
  ///
  /// Objects and arrays of plain values that fit within 96 characters stay on one line.
  ///
  /// - Parameter value: what to write.
  /// - Returns: the text, ending in a line break.
  public static func pretty(_ value: JSONValue) -> String {
    var text = ""
    write(value, depth: 0, to: &text)
    return text + "\n"
  }

  private static func write(_ value: JSONValue, depth: Int?, to text: inout String) {
    switch value {
    case .null: text += "null"
    case .boolean(let flag): text += flag ? "true" : "false"
    case .integer(let number): text += String(number)
    case .number(let number): text += self.number(number)
    case .text(let string): quote(string, to: &text)
    case .array(let values):
      let items = values.map { (name: String?.none, value: $0) }
      list(items, "[", "]", whole: value, depth: depth, to: &text)
    case .object(let members):
      let items = members.map { (name: String?.some($0.name), value: $0.value) }
      list(items, "{", "}", whole: value, depth: depth, to: &text)
    }
  }

  private static func list(
    _ items: [(name: String?, value: JSONValue)], _ open: String, _ close: String,
    whole: JSONValue, depth: Int?, to text: inout String
  ) {
    var inner = depth
    if let depth, !items.isEmpty {
      let isFlat = items.allSatisfy { isPlain($0.value) }
      if isFlat, line(whole).utf8.count + 2 * depth <= 96 { inner = nil } else { inner = depth + 1 }
    }
    let separator = inner.map { "\n" + String(repeating: "  ", count: $0) }
    text += open
    for (index, item) in items.enumerated() {
      if index > 0 { text += separator == nil ? ", " : "," }
      if !items.isEmpty, let separator { text += separator }
      if let name = item.name {
        quote(name, to: &text)
        text += ": "
      }
      write(item.value, depth: inner, to: &text)
    }
    if let depth, separator != nil, !items.isEmpty {
      text += "\n" + String(repeating: "  ", count: depth)
    }
    text += close
  }

  private static func isPlain(_ value: JSONValue) -> Bool {
    switch value {
    case .array(let values): values.isEmpty
    case .object(let members): members.isEmpty
    default: true
    }
  }

  /// The shortest decimal that reads back as the same Float64.
  private static func number(_ value: Double) -> String {
    guard value.isFinite else { return "null" }
    return "\(value)"
  }

  /// Appends `string` in quotes, without any line break.
  static func quote(_ string: String, to text: inout String) {
    text += "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case let other where other.value < 0x20 || other.value == 0x2028 || other.value == 0x2029:
        let digits = String(other.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}
