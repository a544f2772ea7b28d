import Glibc

/// Text as UTF-8 bytes: whether it is whole, and where its words are.
enum UnicodeText {
  /// What a scalar is to a tokeniser.
  enum Sort {
    /// White space of Unicode.
    case blank
    /// A letter, digit, mark or underscore (general categories L, N and M).
    case word
    /// Anything else.
    case other
  }

  /// The first byte that does not belong to valid UTF-8 (RFC 3629), counted from 0; nil if all do.
  static func firstFault(_ text: ArraySlice<UInt8>) -> Int? {
    var index = text.startIndex
    while index < text.endIndex {
      let length = wholeLength(text, index)
      guard length > 0 else { return index - text.startIndex }
      index += length
    }
    return nil
  }

  /// A name of the system as text; bytes that do not belong to valid UTF-8 become `\xNN`.
  static func escaped(_ name: UnsafePointer<CChar>) -> String {
    if let text = String(validatingCString: name) { return text }
    var rest = Array(
      UnsafeBufferPointer(start: name, count: strlen(name)).map(UInt8.init(bitPattern:)))[...]
    var text = ""
    while let fault = firstFault(rest) {
      text += String(decoding: rest.prefix(fault), as: UTF8.self)
      text += "\\x" + String(rest[rest.startIndex + fault], radix: 16)
      rest = rest.dropFirst(fault + 1)
    }
    return text + String(decoding: rest, as: UTF8.self)
  }

  /// The bytes of the scalar at `index`, 0 if it is not valid.
  private static func wholeLength(_ text: ArraySlice<UInt8>, _ index: Int) -> Int {
    let first = text[index]
    if first < 0x80 { return 1 }
    guard (0xc2...0xf4).contains(first) else { return 0 }
    let length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
    guard index + length <= text.endIndex else { return 0 }
    // Overlong forms, surrogates and what lies above U+10FFFF show in the second byte.
    let second: ClosedRange<UInt8> =
      switch first {
      case 0xe0: 0xa0...0xbf
      case 0xed: 0x80...0x9f
      case 0xf0: 0x90...0xbf
      case 0xf4: 0x80...0x8f
      default: 0x80...0xbf
      }
    guard second.contains(text[index + 1]) else { return 0 }
    for place in 2..<max(2, length) where !(0x80...0xbf).contains(text[index + place]) { return 0 }
    return length
  }

  /// The bytes of the scalar that begins with `first` in valid text.
  static func length(_ first: UInt8) -> Int {
    first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
  }

  /// The scalar at `index` of valid text.
  static func scalar(_ text: ArraySlice<UInt8>, _ index: Int) -> Unicode.Scalar {
    let first = text[index]
    if first < 0x80 { return Unicode.Scalar(first) }
    let length = length(first)
    var value = UInt32(first) & (0x7f >> UInt32(length))
    for place in 1..<length { value = value << 6 | UInt32(text[index + place] & 0x3f) }
    return Unicode.Scalar(value) ?? "\u{fffd}"
  }

  /// What a scalar is to a tokeniser.
  static func sort(_ scalar: Unicode.Scalar) -> Sort {
    if scalar.isASCII {
      switch scalar.value {
      case 9...13, 32: return .blank
      case 48...57, 65...90, 95, 97...122: return .word
      default: return .other
      }
    }
    if scalar.properties.isWhitespace { return .blank }
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter,
      .decimalNumber, .letterNumber, .otherNumber, .nonspacingMark, .spacingMark, .enclosingMark:
      return .word
    default: return .other
    }
  }

  /// The text with every scalar replaced by its small form (Unicode's mapping, without context).
  static func lowercased(_ text: ArraySlice<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    var index = text.startIndex
    while index < text.endIndex {
      let byte = text[index]
      if byte < 0x80 {
        result.append((65...90).contains(byte) ? byte + 32 : byte)
        index += 1
      } else {
        result.append(contentsOf: scalar(text, index).properties.lowercaseMapping.utf8)
        index += length(byte)
      }
    }
    return result
  }

  /// Words in order: runs between blanks, cut around each character that is no word if asked.
  static func words(
    _ text: ArraySlice<UInt8>, atPunctuation: Bool, _ body: (ArraySlice<UInt8>) -> Void
  ) {
    var start = text.startIndex
    var index = start
    while index < text.endIndex {
      let end = index + length(text[index])
      let sort = sort(scalar(text, index))
      if sort == .blank || (sort == .other && atPunctuation) {
        if start < index { body(text[start..<index]) }
        if sort == .other { body(text[index..<end]) }
        start = end
      }
      index = end
    }
    if start < text.endIndex { body(text[start..<text.endIndex]) }
  }

  /// Pieces for byte pairs, which put end to end are the text again.
  ///
  /// A piece is a run of word characters or of others, with one blank before it if there is one; a blank
  /// that no such run follows is a piece by itself.
  static func pieces(_ text: ArraySlice<UInt8>, _ body: (ArraySlice<UInt8>) -> Void) {
    var start = text.startIndex
    while start < text.endIndex {
      var end = start + length(text[start])
      var sort = sort(scalar(text, start))
      if sort == .blank, end < text.endIndex {
        sort = self.sort(scalar(text, end))
        if sort != .blank { end += length(text[end]) }
      }
      while sort != .blank, end < text.endIndex, self.sort(scalar(text, end)) == sort {
        end += length(text[end])
      }
      body(text[start..<end])
      start = end
    }
  }
}
