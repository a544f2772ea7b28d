extension JSONText {
  /// Reads one JSON value.
  ///
  /// Whole numbers without point or exponent that fit become `.integer`, all others `.number`; one beyond a Float64 is
  /// refused.
  ///
  /// - Parameter text: the value with nothing but white space around it.
  /// - Returns: the value; members keep their order.
  /// - Throws: ``ReportError`` with `.json` and the position of the first mistake.
  public static func parse(_ text: String) throws(ReportError) -> JSONValue {
    var parser = Parser(bytes: Array(text.utf8))
    let value = try parser.value(depth: 0)
    parser.skipSpace()
    guard parser.position == parser.bytes.count else { throw parser.mistake("the end") }
    return value
  }

  private struct Parser {
    let bytes: [UInt8]
    var position = 0
    private static let deepest = 128

    init(bytes: [UInt8]) { self.bytes = bytes }

    func mistake(_ expected: String) -> ReportError {
      let found = position < bytes.count ? "byte \(bytes[position])" : "the end of the text"
      return ReportError(
        code: .json, message: "not JSON: expected \(expected) at byte \(position), found \(found)")
    }

    mutating func skipSpace() {
      while position < bytes.count, [32, 9, 10, 13].contains(bytes[position]) { position += 1 }
    }

    mutating func take(_ byte: UInt8) -> Bool {
      skipSpace()
      guard position < bytes.count, bytes[position] == byte else { return false }
      position += 1
      return true
    }

    mutating func value(depth: Int) throws(ReportError) -> JSONValue {
      skipSpace()
      guard position < bytes.count, depth < Parser.deepest else { throw mistake("a value") }
      switch bytes[position] {
      case UInt8(ascii: "{"): return try object(depth)
      case UInt8(ascii: "["): return try array(depth)
      case UInt8(ascii: "\""): return .text(try string())
      case UInt8(ascii: "t"): return try word("true", .boolean(true))
      case UInt8(ascii: "f"): return try word("false", .boolean(false))
      case UInt8(ascii: "n"): return try word("null", .null)
      default: return try number()
      }
    }

    mutating func word(_ word: String, _ value: JSONValue) throws(ReportError) -> JSONValue {
      guard bytes[position...].starts(with: word.utf8) else { throw mistake(word) }
      position += word.utf8.count
      return value
    }

    mutating func object(_ depth: Int) throws(ReportError) -> JSONValue {
      position += 1
      var members: [JSONValue.Member] = []
      if take(UInt8(ascii: "}")) { return .object([]) }
      repeat {
        skipSpace()
        guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else {
          throw mistake("a member's name")
        }
        let name = try string()
        guard take(UInt8(ascii: ":")) else { throw mistake("':'") }
        members.append(JSONValue.Member(name, try value(depth: depth + 1)))
      } while take(UInt8(ascii: ","))
      guard take(UInt8(ascii: "}")) else { throw mistake("',' or '}'") }
      return .object(members)
    }

    mutating func array(_ depth: Int) throws(ReportError) -> JSONValue {
      position += 1
      var values: [JSONValue] = []
      if take(UInt8(ascii: "]")) { return .array([]) }
      repeat { values.append(try value(depth: depth + 1)) } while take(UInt8(ascii: ","))
      guard take(UInt8(ascii: "]")) else { throw mistake("',' or ']'") }
      return .array(values)
    }

    mutating func number() throws(ReportError) -> JSONValue {
      let start = position
      while position < bytes.count, "+-0123456789.eE".utf8.contains(bytes[position]) {
        position += 1
      }
      let text = String(decoding: bytes[start..<position], as: UTF8.self)
      let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
      let isForm =
        digits.first?.isNumber == true
        && (digits.first != "0" || digits.count == 1
          || !(digits.dropFirst().first?.isNumber ?? false))
        && digits.last != "."
      if isForm, let whole = Int(text) { return .integer(whole) }
      // One beyond a Float64 would come back as an infinity, which JSON cannot say.
      if isForm, let number = Double(text), number.isFinite { return .number(number) }
      position = start
      throw mistake("a value")
    }

    mutating func string() throws(ReportError) -> String {
      position += 1
      var text: [UInt8] = []
      while position < bytes.count {
        let byte = bytes[position]
        position += 1
        switch byte {
        case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
        case UInt8(ascii: "\\"): text += Array(String(try escaped()).utf8)
        case 0..<32: throw mistake("an escaped control character")
        default: text.append(byte)
        }
      }
      throw mistake("'\"'")
    }

    mutating func escaped() throws(ReportError) -> Character {
      guard position < bytes.count else { throw mistake("an escape") }
      position += 1
      switch bytes[position - 1] {
      case UInt8(ascii: "n"): return "\n"
      case UInt8(ascii: "r"): return "\r"
      case UInt8(ascii: "t"): return "\t"
      case UInt8(ascii: "b"): return "\u{8}"
      case UInt8(ascii: "f"): return "\u{c}"
      case UInt8(ascii: "u"): return Character(try codePoint())
      case let byte where "\"\\/".utf8.contains(byte): return Character(Unicode.Scalar(byte))
      default: throw mistake("an escape")
      }
    }

    /// Four hexadecimal digits, and those of the second half of a pair where one is needed.
    mutating func codePoint() throws(ReportError) -> Unicode.Scalar {
      let first = try unit()
      var value = first
      if (0xD800..<0xDC00).contains(first), bytes[position...].starts(with: "\\u".utf8) {
        position += 2
        let second = try unit()
        guard (0xDC00..<0xE000).contains(second) else { throw mistake("half of a pair") }
        value = 0x10000 + (first - 0xD800) << 10 + (second - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(value) else { throw mistake("a character") }
      return scalar
    }

    mutating func unit() throws(ReportError) -> UInt32 {
      let end = min(position + 4, bytes.count)
      let digits = String(decoding: bytes[position..<end], as: UTF8.self)
      guard digits.utf8.count == 4, digits.allSatisfy(\.isHexDigit),
        let value = UInt32(digits, radix: 16)
      else { throw mistake("four hexadecimal digits") }
      position = end
      return value
    }
  }
}
