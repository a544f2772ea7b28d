/// The coder of ITU-T G.711: 8 bits an amplitude, with steps that grow with it.
///
/// Amplitudes are 16-bit integers; μ-law sees their upper 14 bits, A-law their upper 13. Both take the
/// magnitude first, so that the two signs are alike, as libsndfile does; ITU's own program (G.191) takes
/// the complement, which moves each negative decision value by one.
public struct G711: Sendable {
  /// Which of the two laws.
  public enum Law: Sendable, Equatable {
    /// North America and Japan.
    case mu
    /// Everywhere else.
    case a
  }

  /// The code of amplitude `s` at place `s + 32768`.
  private let codes: [UInt8]
  /// The amplitude of each code.
  private let amplitudes: [Int16]

  /// Works out both tables.
  public init(_ law: Law) {
    let (encode, decode) =
      law == .mu ? (G711.encodeMu, G711.decodeMu) : (G711.encodeA, G711.decodeA)
    codes = (-32768...32767).map(encode)
    amplitudes = (0...255).map { decode(UInt8($0)) }
  }

  /// The code of an amplitude.
  public func code(_ amplitude: Int16) -> UInt8 { codes[Int(amplitude) + 32768] }

  /// The amplitude of a code.
  public func amplitude(_ code: UInt8) -> Int16 { amplitudes[Int(code)] }

  /// A magnitude of 13 bits after a bias of 33: three bits for its leading one, four behind it; all bits
  /// are inverted.
  private static func encodeMu(_ amplitude: Int) -> UInt8 {
    let biased = min(abs(amplitude) >> 2, 8158) + 33
    let exponent = 58 - biased.leadingZeroBitCount
    let mantissa = (biased >> (exponent + 1)) & 15
    return ~UInt8((amplitude < 0 ? 0x80 : 0) | exponent << 4 | mantissa)
  }

  private static func decodeMu(_ code: UInt8) -> Int16 {
    let bits = Int(~code)
    let magnitude = (((bits & 15) << 3) + 132) << ((bits >> 4) & 7) - 132
    return Int16(bits & 0x80 != 0 ? -magnitude : magnitude)
  }

  /// A magnitude of 12 bits, linear up to 31, then as above; every other bit is inverted.
  private static func encodeA(_ amplitude: Int) -> UInt8 {
    let magnitude = min(abs(amplitude) >> 4, 2047)
    let exponent = max(0, 60 - max(magnitude, 1).leadingZeroBitCount)
    let mantissa = (magnitude >> max(0, exponent - 1)) & 15
    return UInt8((amplitude < 0 ? 0 : 0x80) | exponent << 4 | mantissa) ^ 0x55
  }

  private static func decodeA(_ code: UInt8) -> Int16 {
    let bits = Int(code ^ 0x55)
    let (exponent, mantissa) = ((bits >> 4) & 7, bits & 15)
    let magnitude = exponent == 0 ? (mantissa << 4) + 8 : ((mantissa << 4) + 264) << (exponent - 1)
    return Int16(bits & 0x80 != 0 ? magnitude : -magnitude)
  }

  /// The 16-bit integer nearest to a value, ties to even, cut off at the ends; NaN is silence.
  private static func rounded(_ value: Float) -> Int16 {
    value.isNaN ? 0 : Int16(min(max(value.rounded(.toNearestOrEven), -32768), 32767))
  }

  /// Values to the numbers of their codes, 0 to 255.
  ///
  /// - Parameters:
  ///   - count: how many.
  ///   - scale: factor from a value to a 16-bit integer.
  ///   - x: the values.
  ///   - y: the result; may be `x`.
  public func encode(count: Int, scale: Float, x: ConstantFloats, y: Floats) {
    for index in 0..<count { y[index] = Float(code(G711.rounded(scale * x[index]))) }
  }

  /// Numbers of codes to values; what is no code becomes the nearest one.
  ///
  /// - Parameters:
  ///   - count: how many.
  ///   - scale: factor from a value to a 16-bit integer.
  ///   - x: the numbers, 0 to 255.
  ///   - y: the result; may be `x`.
  public func decode(count: Int, scale: Float, x: ConstantFloats, y: Floats) {
    for index in 0..<count {
      let code = UInt8(min(max(G711.rounded(x[index]), 0), 255))
      y[index] = Float(amplitude(code)) / scale
    }
  }

  /// What is left of values that were encoded and decoded again.
  ///
  /// - Parameters:
  ///   - count: how many.
  ///   - scale: factor from a value to a 16-bit integer.
  ///   - x: the values.
  ///   - y: the result; may be `x`.
  public func pass(count: Int, scale: Float, x: ConstantFloats, y: Floats) {
    for index in 0..<count {
      y[index] = Float(amplitude(code(G711.rounded(scale * x[index])))) / scale
    }
  }
}
