/// Numbers as one of 256 evenly spaced values: `q = clamp(round(x / S) + Z, 0 ... 255)`, `x ≈ S (q − Z)`.
///
/// Ties round to the even code. Zero has a code of its own, so that what is zero stays so.
///
/// - Source: Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient
///   Integer-Arithmetic-Only Inference"; the formulas are those of PyTorch's observers.
public struct AffineCode: Sendable, Equatable {
  /// S: the distance of neighbouring values.
  public let scale: Float
  /// Z: the code of zero.
  public let zeroPoint: Int

  /// Codes that cover a range, widened to hold zero.
  ///
  /// - Parameters:
  ///   - low: the least value to be told apart, finite.
  ///   - high: the largest.
  public init(from low: Float, to high: Float) {
    let (least, most) = (min(low, 0), max(high, 0))
    let scale = max((most - least) / 255, .ulpOfOne)
    self.scale = scale
    zeroPoint = max(0, min(255, -Int((least / scale).rounded(.toNearestOrEven))))
  }

  /// The code of a number; what lies outside has that of the nearest end.
  public func code(of value: Float) -> UInt8 {
    let code = (value * (1 / scale)).rounded(.toNearestOrEven) + Float(zeroPoint)
    return UInt8(max(0, min(255, code)))
  }

  /// The number that a code stands for.
  public func value(of code: UInt8) -> Float { scale * Float(Int(code) - zeroPoint) }

  /// Writes the numbers that the codes of others stand for.
  ///
  /// - Parameters:
  ///   - count: how many.
  ///   - values: the numbers, finite.
  ///   - output: room for as many; may be `values`.
  public func roundTrip(
    count: Int, _ values: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>
  ) {
    let (inverse, zero) = (1 / scale, Float(zeroPoint))
    for index in 0..<count {
      let code = (values[index] * inverse).rounded(.toNearestOrEven) + zero
      output[index] = scale * (max(0, min(255, code)) - zero)
    }
  }
}
