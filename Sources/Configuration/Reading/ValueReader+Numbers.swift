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
    text.wholeMatch(of: /[-+]?(0|[1-9][0-9_]*)/) != nil
  }

  private static func isNumber(_ text: String) -> Bool {
    text.wholeMatch(of: /[-+]?([0-9][0-9_]*(\.[0-9_]*)?|\.[0-9][0-9_]*)([eE][-+]?[0-9]+)?/) != nil
  }
}
