extension Reference {
  /// Mean and biased variance per column of `[rows, width]`, in Float64 and two passes.
  package static func moments(
    rows: Int, width: Int, values: ConstantFloats
  ) -> (mean: [Double], variance: [Double]) {
    var mean = [Double](repeating: 0, count: width)
    var variance = mean
    for index in 0..<rows * width { mean[index % width] += Double(values[index]) / Double(rows) }
    for index in 0..<rows * width {
      let distance = Double(values[index]) - mean[index % width]
      variance[index % width] += distance * distance / Double(rows)
    }
    return (mean, variance)
  }

  /// What normalising one run of numbers gives, and its gradients.
  package struct Normalized: Sendable {
    /// `(x − mean) / √(variance + ε)`.
    package var hat: [Double]
    /// The gradient of x, with the gradients of ŷ given.
    package var inputGradient: [Double]
  }

  /// Normalises `x` by its own moments; `gradient` is that of the normalised numbers.
  package static func normalize(_ x: [Double], gradient: [Double], epsilon: Double) -> Normalized {
    let n = Double(x.count)
    let mean = x.reduce(0, +) / n
    let variance = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / n
    let inverse = 1 / (variance + epsilon).squareRoot()
    let hat = x.map { ($0 - mean) * inverse }
    let total = gradient.reduce(0, +)
    let product = zip(gradient, hat).reduce(0) { $0 + $1.0 * $1.1 }
    let inputGradient = x.indices.map {
      inverse * (gradient[$0] - total / n - hat[$0] * product / n)
    }
    return Normalized(hat: hat, inputGradient: inputGradient)
  }
}
