import Glibc
import Metrics

/// Predictions of several models for the same samples, as logarithms of probabilities or as values.
///
/// A column is a class, or one of the two answers of each yes-or-no output (no, then yes), or a value.
struct Mixture {
  let kind: MetricHead.Kind
  /// S.
  let samples: Int
  /// Columns of a sample.
  let columns: Int
  /// Each member's `[S, columns]`.
  let members: [[Double]]

  /// From each member's logits or values, `[S, Y]`.
  init(kind: MetricHead.Kind, samples: Int, logits: [[Float]]) {
    self.kind = kind
    self.samples = samples
    let outputs = samples == 0 ? 0 : logits[0].count / samples
    columns = Mixture.isBinary(kind) ? 2 * outputs : outputs
    members = logits.map { logits in
      switch kind {
      case .classification: Mixture.logSoftmax(logits, columns: outputs)
      case .binary, .multiLabel:
        logits.flatMap { [logSigmoid(-Double($0)), logSigmoid(Double($0))] }
      case .regression, .transcription: logits.map(Double.init)
      }
    }
  }

  /// Whether columns come in pairs.
  static func isBinary(_ kind: MetricHead.Kind) -> Bool {
    switch kind {
    case .binary, .multiLabel: true
    case .classification, .regression, .transcription: false
    }
  }

  private var isRegression: Bool {
    if case .regression = kind { return true }
    return false
  }

  /// `log Σ exp(x)` without overflow.
  static func logSum(_ values: [Double]) -> Double {
    let most = values.reduce(-.infinity) { max($0, $1) }
    guard most.isFinite else { return most }
    return most + log(values.reduce(0) { $0 + exp($1 - most) })
  }

  private static func logSoftmax(_ logits: [Float], columns: Int) -> [Double] {
    var result = logits.map(Double.init)
    for start in stride(from: 0, to: result.count, by: max(1, columns)) {
      let total = logSum(Array(result[start..<start + columns]))
      for index in start..<start + columns { result[index] -= total }
    }
    return result
  }

  /// The mixture of all members: `log Σ w p`, or `Σ w v`; `[S, columns]`.
  func mixed(_ weights: [Double]) -> [Double] {
    let used = weights.indices.filter { weights[$0] > 0 }
    return (0..<samples * columns).map { place in
      if isRegression { return used.reduce(0) { $0 + weights[$1] * members[$1][place] } }
      return Mixture.logSum(used.map { log(weights[$0]) + members[$0][place] })
    }
  }

  /// Each sample's logarithms of all members side by side, `[S, M · columns]`.
  var features: [Double] {
    (0..<samples).flatMap { sample in
      members.flatMap { $0[sample * columns..<(sample + 1) * columns] }
    }
  }

  // MARK: The loss

  /// The mean loss of combined predictions: of the true answers' logarithms, negated, mean over the outputs
  /// of a sample; squared error for values.
  func loss(_ combined: [Double], _ truth: EnsembleTruth) -> Double {
    var sum = 0.0
    forEachTerm(truth) { place, share in
      if isRegression {
        let error = combined[place] - share
        sum += error * error
      } else {
        sum -= share * combined[place]
      }
    }
    return sum / terms
  }

  /// What the sum of the loss is divided by: samples times outputs.
  private var terms: Double {
    var outputs = 1
    if isRegression { outputs = columns }
    if Mixture.isBinary(kind) { outputs = columns / 2 }
    return Double(samples * outputs)
  }

  /// Every place of `[S, columns]` that the loss depends on, with the share of its answer, or its value.
  private func forEachTerm(_ truth: EnsembleTruth, _ body: (_ place: Int, _ share: Double) -> Void)
  {
    for sample in 0..<samples {
      let first = sample * columns
      switch kind {
      case .classification: body(first + truth.labels[sample], 1)
      case .binary, .multiLabel:
        for output in 0..<columns / 2 {
          let yes = truth.values[sample * columns / 2 + output]
          if yes < 1 { body(first + 2 * output, 1 - yes) }
          if yes > 0 { body(first + 2 * output + 1, yes) }
        }
      case .regression, .transcription:
        for column in 0..<columns { body(first + column, truth.values[first + column]) }
      }
    }
  }

  /// The loss of the mixture as a function of the weights, with its derivatives.
  func point(_ weights: [Double], _ truth: EnsembleTruth) -> SimplexFit.Point {
    let count = members.count
    var point = SimplexFit.Point(
      value: 0, gradient: [Double](repeating: 0, count: count),
      hessian: [Double](repeating: 0, count: count * count))
    var values = [Double](repeating: 0, count: count)
    forEachTerm(truth) { place, share in
      for index in 0..<count { values[index] = members[index][place] }
      let (slope, curvature): (Double, Double)
      if isRegression {
        let error = zip(weights, values).reduce(0) { $0 + $1.0 * $1.1 } - share
        point.value += error * error
        (slope, curvature) = (2 * error, 2)
      } else {
        // Relative to the best member, whose logarithm is added again.
        let most = values.max() ?? 0
        for index in 0..<count { values[index] = exp(values[index] - most) }
        let sum = zip(weights, values).reduce(0) { $0 + $1.0 * $1.1 }
        point.value -= share * (log(sum) + most)
        (slope, curvature) = (-share / sum, share / (sum * sum))
      }
      for row in 0..<count {
        point.gradient[row] += slope * values[row]
        for column in 0..<count {
          point.hessian[row * count + column] += curvature * values[row] * values[column]
        }
      }
    }
    point.value /= terms
    point.gradient = point.gradient.map { $0 / terms }
    point.hessian = point.hessian.map { $0 / terms }
    return point
  }

  // MARK: As a model would give them

  /// The logits or values that metrics take, `[S, Y]`.
  func logits(_ combined: [Double]) -> [Float] {
    guard Mixture.isBinary(kind) else { return combined.map(Float.init) }
    return stride(from: 0, to: combined.count, by: 2).map {
      Float(combined[$0 + 1] - combined[$0])
    }
  }

  /// The probabilities or values that are written, `[S, Y]`.
  func predictions(_ combined: [Double]) -> [Float] {
    switch kind {
    case .regression, .transcription: combined.map(Float.init)
    case .classification: combined.map { Float(exp($0)) }
    case .binary, .multiLabel:
      stride(from: 1, to: combined.count, by: 2).map { Float(exp(combined[$0])) }
    }
  }
}

/// `log(1 / (1 + exp(−x)))` without overflow.
private func logSigmoid(_ x: Double) -> Double { min(x, 0) - log1p(exp(-abs(x))) }
