/// Errors of a regression output and the spread of its truth, mergeable without cancellation.
///
/// | value           | meaning                                    |
/// |-----------------|--------------------------------------------|
/// | `squaredErrors` | `Σ (output − truth)²`                      |
/// | `absoluteErrors`| `Σ |output − truth|`                       |
/// | `mean`          | mean of the truth                          |
/// | `spread`        | `Σ (truth − mean)²`                        |
///
/// Two parts are joined by the update of Chan, Golub and LeVeque (1983), which does not lose the
/// spread to a large mean as `Σ y² − (Σ y)² / n` does.
struct Moments {
  var count = 0
  var squaredErrors = 0.0
  var absoluteErrors = 0.0
  var mean = 0.0
  var spread = 0.0

  /// The numbers kept per output, in the order of ``sums``.
  static let width = 4

  /// No samples.
  init() {}

  /// The moments of one microbatch, of column `output` of `[N, Y]`.
  init(
    _ outputs: UnsafePointer<Float>, _ values: UnsafePointer<Float>, count: Int, output: Int,
    of width: Int
  ) {
    self.count = count
    guard count > 0 else { return }
    var sum = 0.0
    for sample in 0..<count {
      let index = sample * width + output
      let truth = Double(values[index])
      let error = Double(outputs[index]) - truth
      squaredErrors += error * error
      absoluteErrors += abs(error)
      sum += truth
    }
    mean = sum / Double(count)
    for sample in 0..<count {
      let distance = Double(values[sample * width + output]) - mean
      spread += distance * distance
    }
  }

  /// The moments kept in a part's sums.
  init(count: Int, sums: ArraySlice<Double>) {
    self.count = count
    let first = sums.startIndex
    squaredErrors = sums[first]
    absoluteErrors = sums[first + 1]
    mean = sums[first + 2]
    spread = sums[first + 3]
  }

  /// The four numbers, without the count.
  var sums: [Double] { [squaredErrors, absoluteErrors, mean, spread] }

  /// Joins the samples of `other`, which come after these.
  mutating func join(_ other: Moments) {
    guard other.count > 0 else { return }
    let total = Double(count + other.count)
    let distance = other.mean - mean
    mean += distance * (Double(other.count) / total)
    spread += other.spread + distance * distance * (Double(count) * Double(other.count) / total)
    squaredErrors += other.squaredErrors
    absoluteErrors += other.absoluteErrors
    count += other.count
  }

  /// `√(Σ e² / n)`.
  var rootMeanSquare: Double { (squaredErrors / Double(count)).squareRoot() }

  /// `Σ |e| / n`.
  var meanAbsolute: Double { absoluteErrors / Double(count) }

  /// `1 − Σ e² / Σ (y − ȳ)²`; of a constant truth 1 if all is exact and 0 otherwise, as in
  /// scikit-learn; undefined for a single sample.
  var explained: Double? {
    guard count > 1 else { return nil }
    guard spread > 0 else { return squaredErrors == 0 ? 1 : 0 }
    return 1 - squaredErrors / spread
  }
}
