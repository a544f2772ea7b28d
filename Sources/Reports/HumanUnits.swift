/// Numbers as people read them; always with a point, never depending on the machine's language.
public enum HumanUnits {
  /// Bytes with a binary prefix: `512 B`, `1.5 KiB`, `23.4 MiB`.
  ///
  /// - Parameter bytes: how many, also negative.
  /// - Returns: three significant digits and the unit.
  public static func bytes(_ bytes: Int) -> String {
    scaled(Double(bytes), by: 1024, units: ["B", "KiB", "MiB", "GiB", "TiB", "PiB"], from: 1)
  }

  /// A time span: `850 µs`, `12.5 ms`, `4.2 s`, `3 min 20 s`, `2 h 05 min`, `3 d 04 h`.
  ///
  /// - Parameter seconds: the span; what is not finite is `–`.
  /// - Returns: the two largest units that matter.
  public static func seconds(_ seconds: Double) -> String {
    guard seconds.isFinite, abs(seconds) < 1e15 else { return "–" }
    if seconds < 0 { return "-" + self.seconds(-seconds) }
    if seconds == 0 { return "0 s" }
    if seconds < 0.000_999_5 { return significant(seconds * 1e6) + " µs" }
    if seconds < 0.999_5 { return significant(seconds * 1e3) + " ms" }
    if seconds < 59.95 { return significant(seconds) + " s" }
    let whole = Int(seconds.rounded())
    if whole < 3600 { return "\(whole / 60) min \(two(whole % 60)) s" }
    if whole < 86_400 { return "\(whole / 3600) h \(two(whole % 3600 / 60)) min" }
    return "\(whole / 86_400) d \(two(whole % 86_400 / 3600)) h"
  }

  /// A time span as a clock shows it: `0:07`, `12:30`, `2:05:00`.
  ///
  /// - Parameter seconds: the span; what is not finite or negative is `–:––`.
  /// - Returns: minutes and seconds, with hours from one hour on.
  public static func clock(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0, seconds < 1e12 else { return "–:––" }
    let whole = Int(seconds.rounded())
    let (hours, minutes) = (whole / 3600, whole % 3600 / 60)
    guard hours > 0 else { return "\(minutes):\(two(whole % 60))" }
    return "\(hours):\(two(minutes)):\(two(whole % 60))"
  }

  /// A count with commas: `1,234,567`.
  ///
  /// - Parameter count: the number.
  /// - Returns: all its digits, grouped by three.
  public static func count(_ count: Int) -> String {
    let digits = Array(String(count.magnitude))
    var text = count < 0 ? "-" : ""
    for (position, digit) in digits.enumerated() {
      if position > 0, (digits.count - position) % 3 == 0 { text.append(",") }
      text.append(digit)
    }
    return text
  }

  /// A count with its noun: `1 rank`, `4 ranks`, `12,000 samples`.
  ///
  /// - Parameters:
  ///   - count: how many.
  ///   - noun: the singular, whose plural adds an s.
  /// - Returns: both with a space between.
  public static func counted(_ count: Int, _ noun: String) -> String {
    "\(self.count(count)) \(noun)\(count == 1 ? "" : "s")"
  }

  /// A large number with a decimal prefix: `950`, `1.23 k`, `4.56 M`, `7.89 G`.
  ///
  /// - Parameter value: the number; what is not finite is `–`.
  /// - Returns: three significant digits and the prefix.
  public static func metric(_ value: Double) -> String {
    scaled(value, by: 1000, units: ["", "k", "M", "G", "T", "P"], from: 1)
  }

  /// A rate of samples: `12,345` from a hundred on, fewer digits of it below.
  ///
  /// - Parameter value: the rate; what is not finite is `–`.
  /// - Returns: at least three significant digits.
  public static func rate(_ value: Double) -> String {
    guard value.isFinite, abs(value) < 1e15 else { return "–" }
    return abs(value) >= 99.95 ? count(Int(value.rounded())) : significant(value)
  }

  /// A share in percent: `98.76 %`.
  ///
  /// - Parameters:
  ///   - share: 1 is all; what is not finite is `–`.
  ///   - digits: digits after the point.
  /// - Returns: the percentage with its sign.
  public static func percent(_ share: Double, digits: Int = 2) -> String {
    guard share.isFinite, abs(share) < 1e12 else { return "–" }
    return fixed(share * 100, digits: digits) + " %"
  }

  /// A number with a fixed count of digits after the point.
  ///
  /// - Parameters:
  ///   - value: the number; what is not finite is `–`.
  ///   - digits: digits after the point, 0 to 9.
  /// - Returns: the rounded number.
  public static func fixed(_ value: Double, digits: Int) -> String {
    guard value.isFinite else { return "–" }
    let power = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9][max(0, min(9, digits))]
    let rounded = (value * power).rounded()
    guard abs(rounded) < 9e15 else { return "\(value)" }
    let whole = Int(abs(rounded))
    let scale = Int(power)
    let sign = rounded < 0 ? "-" : ""
    guard digits > 0 else { return sign + String(whole) }
    let fraction = String(whole % scale)
    return sign + "\(whole / scale)." + String(repeating: "0", count: digits - fraction.count)
      + fraction
  }

  /// A number of any size in few characters: `0.1234`, `12.35`, `1.0e-5`, `2.5e7`.
  ///
  /// - Parameter value: the number; what is not finite is `–`.
  /// - Returns: four significant digits, with an exponent where that is shorter.
  public static func short(_ value: Double) -> String {
    guard value.isFinite else { return "–" }
    let size = abs(value)
    if size == 0 { return "0" }
    if size >= 0.001, size < 99_999.5 {
      let digits = size >= 999.95 ? 0 : size >= 99.995 ? 1 : size >= 9.9995 ? 2 : 4
      return fixed(value, digits: digits)
    }
    var exponent = 0
    var mantissa = value
    while abs(mantissa) >= 9.95 {
      mantissa /= 10
      exponent += 1
    }
    while abs(mantissa) < 0.995 {
      mantissa *= 10
      exponent -= 1
    }
    return "\(fixed(mantissa, digits: 1))e\(exponent)"
  }

  private static func scaled(
    _ value: Double, by base: Double, units: [String], from firstUnit: Int
  ) -> String {
    guard value.isFinite else { return "–" }
    var (size, unit) = (abs(value), 0)
    while unit < units.count - 1, size >= (unit == 0 ? base : base * 0.9995) {
      size /= base
      unit += 1
    }
    let sign = value < 0 ? "-" : ""
    let number =
      unit < firstUnit && size == size.rounded() ? fixed(size, digits: 0) : significant(size)
    return sign + number + (units[unit].isEmpty ? "" : " " + units[unit])
  }

  /// Three significant digits without an exponent.
  private static func significant(_ value: Double) -> String {
    let size = abs(value)
    return fixed(value, digits: size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2)
  }

  private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
