/// A strict scanner of the JSON subset that a safetensors header may use.
///
/// General decoders keep one of two equal keys silently, accept `1e3` as an extent, and recurse as
/// deep as the file says. This one knows strings, non-negative integers, and the punctuation
/// around them; the header's own grammar drives it, so its depth is fixed.
struct HeaderScanner {
  private let bytes: [UInt8]
  private(set) var offset = 0

  /// A scanner at the first byte.
  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// The error of something unexpected at the current byte.
  func unexpected(_ wanted: String) -> CheckpointError {
    let found = offset < bytes.count ? "byte \(bytes[offset])" : "the end"
    return CheckpointError(
      .damaged, "its header is not valid: expected \(wanted) at byte \(offset), found \(found)")
  }

  /// The next byte that is not white space.
  mutating func peek() -> UInt8? {
    while offset < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[offset]) { offset += 1 }
    return offset < bytes.count ? bytes[offset] : nil
  }

  /// Takes `character` if it comes next.
  mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard peek() == UInt8(ascii: character) else { return false }
    offset += 1
    return true
  }

  /// Takes `character`, which must come next.
  mutating func expect(_ character: Unicode.Scalar) throws {
    guard take(character) else { throw unexpected("'\(character)'") }
  }

  /// The end of the header, after optional white space.
  mutating func expectEnd() throws {
    guard peek() == nil else { throw unexpected("the end of the header") }
  }

  /// A list between two brackets, `element` reading each member.
  mutating func list(
    _ open: Unicode.Scalar, _ close: Unicode.Scalar,
    element: (inout HeaderScanner) throws -> Void
  ) throws {
    try expect(open)
    if take(close) { return }
    repeat { try element(&self) } while take(",")
    try expect(close)
  }

  /// A non-negative integer that fits an Int.
  mutating func integer() throws -> Int {
    guard let first = peek(), isDigit(first) else { throw unexpected("a non-negative integer") }
    let start = offset
    var value = 0
    while offset < bytes.count, isDigit(bytes[offset]) {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(Int(bytes[offset] - 0x30))
      guard !overflow, !carry else { throw unexpected("an integer below 2^63") }
      value = sum
      offset += 1
    }
    guard first != 0x30 || offset == start + 1 else {
      throw unexpected("an integer without leading zeros")
    }
    return value
  }

  private func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

  /// A string, its escapes resolved.
  mutating func string() throws -> String {
    try expect("\"")
    var text: [UInt8] = []
    while offset < bytes.count {
      let byte = bytes[offset]
      offset += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let string = String(validating: text, as: UTF8.self) else {
          throw unexpected("a string in UTF-8")
        }
        return string
      case UInt8(ascii: "\\"): try escape(into: &text)
      case 0..<0x20: throw unexpected("a string without control characters")
      default: text.append(byte)
      }
    }
    throw unexpected("the end of a string")
  }

  /// The character after a backslash.
  private mutating func escape(into text: inout [UInt8]) throws {
    guard offset < bytes.count else { throw unexpected("an escaped character") }
    let byte = bytes[offset]
    offset += 1
    let plain: [UInt8: UInt8] = [
      0x22: 0x22, 0x5C: 0x5C, 0x2F: 0x2F, 0x62: 8, 0x66: 12, 0x6E: 10, 0x72: 13, 0x74: 9,
    ]
    if let character = plain[byte] { return text.append(character) }
    guard byte == UInt8(ascii: "u") else { throw unexpected("an escaped character") }
    var unit = UInt32(try hexadecimal())
    if unit >= 0xD800, unit < 0xDC00 {
      guard offset + 1 < bytes.count, bytes[offset] == 0x5C, bytes[offset + 1] == 0x75 else {
        throw unexpected("the second half of a surrogate pair")
      }
      offset += 2
      let low = UInt32(try hexadecimal())
      guard low >= 0xDC00, low < 0xE000 else { throw unexpected("a low surrogate") }
      unit = 0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)
    }
    guard let scalar = Unicode.Scalar(unit) else { throw unexpected("a character") }
    text.append(contentsOf: Array(String(Character(scalar)).utf8))
  }

  /// Four hexadecimal digits.
  private mutating func hexadecimal() throws -> UInt16 {
    guard offset + 4 <= bytes.count,
      bytes[offset..<offset + 4].allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
      let value = UInt16(String(decoding: bytes[offset..<offset + 4], as: UTF8.self), radix: 16)
    else { throw unexpected("four hexadecimal digits") }
    offset += 4
    return value
  }
}
