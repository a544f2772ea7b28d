import Glibc

/// One axis of a chart: from values to positions, with round ticks.
struct ChartScale {
  /// The values at both ends.
  let low: Double
  let high: Double
  /// Whether equal ratios have equal lengths.
  let isLogarithmic: Bool
  /// Round values within the ends.
  let ticks: [Double]

  /// An axis that holds `values`, which are finite, and above 0 for a logarithmic one.
  ///
  /// - Parameters:
  ///   - values: what must fit.
  ///   - isLogarithmic: whether equal ratios have equal lengths.
  ///   - isTight: whether the ends are the extremes themselves rather than ticks around them.
  ///   - count: about how many ticks there should be.
  init(_ values: [Double], isLogarithmic: Bool, isTight: Bool, count: Int) {
    var low = values.min() ?? 0
    var high = values.max() ?? 1
    self.isLogarithmic = isLogarithmic
    if isLogarithmic {
      if high / low < 1.01 { (low, high) = (low / 2, high * 2) }
      ticks = ChartScale.powers(low, high)
      (self.low, self.high) = (low / 1.08, high * 1.08)
      return
    }
    if high - low <= abs(high) * 1e-9 {
      let room = high == 0 ? 1 : abs(high) * 0.5
      (low, high) = isTight ? (low - 0.5, high + 0.5) : (low - room, high + room)
    }
    let step = ChartScale.roundStep((high - low) / Double(max(1, count)))
    if !isTight {
      low = (low / step + 1e-9).rounded(.down) * step
      high = (high / step - 1e-9).rounded(.up) * step
    }
    (self.low, self.high) = (low, high)
    var ticks: [Double] = []
    var index = (low / step - 1e-9).rounded(.up)
    while index * step <= high + step * 1e-9 {
      ticks.append(index * step)
      index += 1
    }
    self.ticks = ticks
  }

  /// Where a value stands, 0 at the low end and 1 at the high one.
  func position(_ value: Double) -> Double {
    isLogarithmic ? log(value / low) / log(high / low) : (value - low) / (high - low)
  }

  /// 1, 2 or 5 times a power of ten, at least `size`.
  private static func roundStep(_ size: Double) -> Double {
    guard size > 0, size.isFinite else { return 1 }
    let power = pow(10, floor(log10(size)))
    let factor = [1.0, 2, 5, 10].first { $0 * power >= size * 0.999_999 } ?? 10
    return factor * power
  }

  /// Powers of ten, with 2 and 5 times them where there are few.
  private static func powers(_ low: Double, _ high: Double) -> [Double] {
    let decades = log10(high / low)
    let stride = max(1, Int((decades / 6).rounded(.up)))
    let factors = decades > 3 ? [1.0] : decades > 1 ? [1, 2, 5] : [1, 2, 3, 4, 5, 6, 8]
    var ticks: [Double] = []
    let first = Int(floor(log10(low)))
    for exponent in first...Int(floor(log10(high))) where (exponent - first) % stride == 0 {
      for factor in factors {
        let tick =
          exponent < 0 ? factor / pow(10, Double(-exponent)) : factor * pow(10, Double(exponent))
        if tick >= low / 1.08, tick <= high * 1.08 { ticks.append(tick) }
      }
    }
    return ticks
  }
}
