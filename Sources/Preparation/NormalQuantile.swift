import Glibc

/// Numbers replaced by the normal quantile of their rank.
struct NormalQuantile {
  /// The training values, ascending.
  private let sorted: [Double]
  /// Ranks nearer to 0 or 1 than this are taken for this.
  private static let margin = 1e-7

  /// Learns from the training values.
  init(_ values: [Double]) { sorted = values.sorted() }

  /// The quantile of a number.
  ///
  /// Its rank lies between those of the training values around it, in proportion; equal training values
  /// share the middle of their ranks. As scikit-learn's `QuantileTransformer` with as many quantiles
  /// as samples and `output_distribution="normal"`, except that it puts a tied smallest or largest value
  /// at the end, where a column of mostly zeros would lie far from all others.
  func callAsFunction(_ number: Double) -> Double {
    guard sorted.count > 1 else { return 0 }
    let below = bound { $0 < number }
    let through = bound { $0 <= number }
    let rank: Double
    if through > below {
      rank = Double(below + through - 1) / 2
    } else if below == 0 || below == sorted.count {
      rank = below == 0 ? 0 : Double(sorted.count - 1)
    } else {
      let (low, high) = (sorted[below - 1], sorted[below])
      rank = Double(below - 1) + (number - low) / (high - low)
    }
    let share = rank / Double(sorted.count - 1)
    return NormalQuantile.inverse(min(max(share, NormalQuantile.margin), 1 - NormalQuantile.margin))
  }

  /// How many values at the front satisfy a condition that no later one does again.
  private func bound(_ holds: (Double) -> Bool) -> Int {
    var (low, high) = (0, sorted.count)
    while low < high {
      let middle = (low + high) / 2
      if holds(sorted[middle]) { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// The number that a standard normal variable is below with probability `p`, at least 1e-7 from 0 and 1.
  ///
  /// Wichura, "Algorithm AS 241", Applied Statistics 37, 1988: PPND16 without its far tails.
  static func inverse(_ p: Double) -> Double {
    let q = p - 0.5
    if abs(q) <= 0.425 {
      let r = 0.180625 - q * q
      return q * polynomial(centre.0, r) / polynomial(centre.1, r)
    }
    let r = (-log(q < 0 ? p : 1 - p)).squareRoot() - 1.6
    let value = polynomial(tail.0, r) / polynomial(tail.1, r)
    return q < 0 ? -value : value
  }

  private static func polynomial(_ coefficients: [Double], _ x: Double) -> Double {
    coefficients.reversed().reduce(0) { $0 * x + $1 }
  }

  private static let centre: ([Double], [Double]) = (
    [
      3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3,
      1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
      3.3430575583588128105e4, 2.5090809287301226727e3,
    ],
    [
      1, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
      2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4,
      5.2264952788528545610e3,
    ]
  )
  private static let tail: ([Double], [Double]) = (
    [
      1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0,
      3.64784832476320460504e0, 1.27045825245236838258e0, 2.41780725177450611770e-1,
      2.27238449892691845833e-2, 7.74545014278341407640e-4,
    ],
    [
      1, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
      1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4,
      1.05075007164441684324e-9,
    ]
  )
}
