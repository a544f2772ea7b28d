/// Just enough of Swift's grammar to count braces.
enum SwiftText {
  /// The text with the contents of comments and string literals blanked, line by line as before.
  ///
  /// Interpolations are blanked with their strings; a brace in one is matched inside it.
  static func stripped(_ text: String) -> [UInt8] {
    var bytes = Array(text.utf8)
    var index = 0
    while index < bytes.count {
      guard openers.contains(bytes[index]) else {
        index += 1
        continue
      }
      let end = endOfQuiet(bytes, index)
      for place in index..<end where bytes[place] != newline { bytes[place] = blank }
      index = max(end, index + 1)
    }
    return bytes
  }

  /// What a comment or a literal begins with.
  private static let openers = Array("/\"#".utf8)
  private static let newline = UInt8(ascii: "\n")
  private static let blank = UInt8(ascii: " ")

  /// Where the comment or literal ends that begins at `index`; `index` itself where none does.
  private static func endOfQuiet(_ bytes: [UInt8], _ index: Int) -> Int {
    if starts(bytes, index, "//") { return bytes[index...].firstIndex(of: newline) ?? bytes.count }
    if starts(bytes, index, "/*") { return after(bytes, index + 2, "*/") }
    var start = index
    while start < bytes.count, bytes[start] == UInt8(ascii: "#") { start += 1 }
    guard starts(bytes, start, "\"") else { return index }
    let hashes = String(repeating: "#", count: start - index)
    if starts(bytes, start, "\"\"\"") { return after(bytes, start + 3, "\"\"\"" + hashes) }
    return endOfLiteral(bytes, start + 1, hashes)
  }

  /// The end of a one-line literal, past escaped quotes and interpolations with quotes in them.
  private static func endOfLiteral(_ bytes: [UInt8], _ first: Int, _ hashes: String) -> Int {
    var index = first
    var depth = 0
    while index < bytes.count, bytes[index] != newline {
      if starts(bytes, index, "\\" + hashes + "(") {
        depth += 1
        index += 2 + hashes.utf8.count
      } else if depth == 0, hashes.isEmpty, bytes[index] == UInt8(ascii: "\\") {
        index += 2
      } else if depth == 0, starts(bytes, index, "\"" + hashes) {
        return index + 1 + hashes.utf8.count
      } else if depth > 0, bytes[index] == UInt8(ascii: "\"") {
        index = endOfLiteral(bytes, index + 1, "")
      } else {
        if depth > 0, bytes[index] == UInt8(ascii: "(") { depth += 1 }
        if depth > 0, bytes[index] == UInt8(ascii: ")") { depth -= 1 }
        index += 1
      }
    }
    return index
  }

  private static func starts(_ bytes: [UInt8], _ index: Int, _ text: String) -> Bool {
    index + text.utf8.count <= bytes.count && bytes[index...].starts(with: text.utf8)
  }

  private static func after(_ bytes: [UInt8], _ first: Int, _ text: String) -> Int {
    var index = first
    while index < bytes.count, !starts(bytes, index, text) { index += 1 }
    return min(bytes.count, index + text.utf8.count)
  }

  /// One function and how many lines stand between its braces.
  struct Function: Equatable {
    let name: String
    let line: Int
    let length: Int
  }

  /// The functions, initialisers and deinitialisers of a file.
  static func functions(_ text: String) -> [Function] {
    let lines = String(decoding: stripped(text), as: UTF8.self)
      .split(separator: "\n", omittingEmptySubsequences: false)
    return lines.indices.compactMap { index in
      guard let name = declaredName(lines[index]),
        let (open, close) = body(lines, index)
      else { return nil }
      return Function(name: name, line: index + 1, length: max(0, close - open - 1))
    }
  }

  private static func declaredName(_ line: Substring) -> String? {
    // The expression is slow, and most lines declare nothing.
    guard line.contains("func ") || line.contains("init") else { return nil }
    let pattern =
      #/^\s*(?:@\w+(?:\([^)]*\))?\s+|[a-z]+(?:\(set\))?\s+)*(?:func\s+(?<name>[^\s(<]+)|(?<made>init)\b[?]?\s*[(<]|(?<end>deinit)\b)/#
    guard let match = try? pattern.firstMatch(in: line) else { return nil }
    let word = match.output.name ?? match.output.made ?? match.output.end
    return word.map(String.init)
  }

  /// The lines of the opening and the closing brace of what is declared at `first`.
  private static func body(_ lines: [Substring], _ first: Int) -> (open: Int, close: Int)? {
    var (depth, parentheses, open) = (0, 0, -1)
    for index in first..<lines.count {
      // A function of another language, declared by its symbol, has no body either.
      if open < 0, parentheses == 0, lines[index].allSatisfy(\.isWhitespace) { return nil }
      for character in lines[index].utf8 {
        switch character {
        case UInt8(ascii: "("): parentheses += 1
        case UInt8(ascii: ")"): parentheses -= 1
        case UInt8(ascii: "{") where parentheses == 0 || open >= 0:
          if open < 0 { open = index }
          depth += 1
        case UInt8(ascii: "}") where open >= 0:
          depth -= 1
          if depth == 0 { return (open, index) }
        case UInt8(ascii: "}") where parentheses == 0: return nil
        default: break
        }
      }
    }
    return nil
  }
}
