/// The numbers a key takes, and how that is said.
struct NumberRange {
  /// "a number …".
  let text: String
  /// Whether a finite number lies within.
  let contains: @Sendable (Double) -> Bool

  /// Any finite number.
  static let any = NumberRange(text: "a finite number") { _ in true }
  /// Above zero.
  static let positive = NumberRange(text: "a number above 0") { $0 > 0 }
  /// Zero or more.
  static let nonNegative = NumberRange(text: "a number of at least 0") { $0 >= 0 }
  /// From 0, below 1.
  static let share = NumberRange(text: "a number in 0 ..< 1") { $0 >= 0 && $0 < 1 }
  /// Above 0, below 1.
  static let open = NumberRange(text: "a number above 0 and below 1") { $0 > 0 && $0 < 1 }
  /// Above 0, up to 1.
  static let fraction = NumberRange(text: "a number above 0, at most 1") { $0 > 0 && $0 <= 1 }
  /// A size of buckets in MiB.
  static let bucket = NumberRange(text: "a number above 0, at most 1024") { $0 > 0 && $0 <= 1024 }
  /// From 0 up to 1.
  static let unit = NumberRange(text: "a number in 0 ... 1") { $0 >= 0 && $0 <= 1 }
}

extension ValueReader {
  /// The largest size of a layer, window or channel count, so that products stay within Int.
  static let sizeLimit = 1 << 24
  /// The largest count of samples or steps.
  static let countLimit = 1 << 40

  /// A number within a range.
  func number(_ range: NumberRange) -> Double? {
    guard case .scalar(let text, quoted: false) = node.content, Self.isNumber(text),
      let value = Double(text.replacing("_", with: "")), value.isFinite, range.contains(value)
    else {
      expected(range.text)
      return nil
    }
    return value
  }

  /// A whole number within a range.
  func integer(_ range: ClosedRange<Int>) -> Int? {
    guard case .scalar(let text, quoted: false) = node.content, Self.isInteger(text) else {
      expected(Self.describe(range))
      return nil
    }
    guard let value = Int(text.replacing("_", with: "")), value <= range.upperBound else {
      expected(
        text.hasPrefix("-")
          ? Self.describe(range) : "a whole number of at most \(range.upperBound)")
      return nil
    }
    guard value >= range.lowerBound else {
      expected(Self.describe(range))
      return nil
    }
    return value
  }

  /// A whole number from a bound to the limit of counts.
  func count(from least: Int) -> Int? { integer(least...Self.countLimit) }

  /// A whole number from a bound to the limit of sizes.
  func size(from least: Int) -> Int? { integer(least...Self.sizeLimit) }

  /// A power of two within a range.
  func powerOfTwo(_ range: ClosedRange<Int>) -> Int? {
    guard let value = integer(range) else { return nil }
    guard value & (value - 1) == 0 else {
      expected("a power of two")
      return nil
    }
    return value
  }

  /// A seed.
  func seed() -> UInt64? {
    guard case .scalar(let text, quoted: false) = node.content, Self.isInteger(text),
      let value = UInt64(text.replacing("_", with: ""))
    else {
      expected("a whole number in 0 ..< 2^64")
      return nil
    }
    return value
  }

  /// One size for both directions, or a list of height and width.
  func pair(from least: Int) -> [Int]? {
    guard case .list = node.content else {
      guard let value = size(from: least) else { return nil }
      return [value, value]
    }
    guard let elements = elements(), elements.count == 2 else {
      expected("a whole number or [height, width]")
      return nil
    }
    let values = elements.compactMap { $0.size(from: least) }
    return values.count == 2 ? values : nil
  }

  /// One number, or a list of at least one.
  func numbers(_ range: NumberRange) -> [Double]? {
    guard case .list = node.content else { return number(range).map { [$0] } }
    return numberList(range)
  }

  /// A list of at least one number.
  func numberList(_ range: NumberRange) -> [Double]? {
    guard let elements = elements("a list of numbers") else { return nil }
    guard !elements.isEmpty else {
      fail("expected at least one number, found an empty list")
      return nil
    }
    return elements.compactMap { $0.number(range) }
  }

  /// The range in words; bounds that are only there to keep products within Int are left out.
  private static func describe(_ range: ClosedRange<Int>) -> String {
    range.upperBound >= 1_000_000
      ? "a whole number of at least \(range.lowerBound)"
      : "a whole number in \(range.lowerBound) ... \(range.upperBound)"
  }

  /// Digits with an optional sign; no leading zeros, which YAML 1.1 reads as octal.
  private static func isInteger(_ text: String) -> Bool {
    var scan = NumberScan(text)
    scan.sign()
    let zero = scan.rest.first == UInt8(ascii: "0")
    return scan.digits() && scan.rest.isEmpty && (!zero || scan.digitCount == 1)
  }

  /// A decimal number with an optional fraction and exponent.
  private static func isNumber(_ text: String) -> Bool {
    var scan = NumberScan(text)
    scan.sign()
    let whole = scan.digits()
    let fraction = scan.take(".") && scan.digits()
    guard whole || fraction else { return false }
    if scan.take("e") || scan.take("E") {
      scan.sign()
      guard scan.digits() else { return false }
    }
    return scan.rest.isEmpty
  }
}

/// Walks over the bytes of a number.
private struct NumberScan {
  var rest: Substring.UTF8View
  /// How many digits the last run had.
  var digitCount = 0

  init(_ text: String) { rest = text[...].utf8 }

  /// Steps over one character, if it is next.
  mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard rest.first == UInt8(ascii: character) else { return false }
    rest = rest.dropFirst()
    return true
  }

  /// Steps over a sign, if there is one.
  mutating func sign() {
    if !take("-") { _ = take("+") }
  }

  /// Steps over digits, grouped by `_` or not; false where there is none.
  mutating func digits() -> Bool {
    guard let first = rest.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
      return false
    }
    let run = rest.prefix { (48...57).contains($0) || $0 == UInt8(ascii: "_") }
    digitCount = run.count
    rest = rest.dropFirst(run.count)
    return true
  }
}
