import Glibc

/// Multinomial logistic regression with an L2 penalty on all coefficients but the intercepts.
///
/// Minimises `Σ −log p(yᵢ | xᵢ) + λ/2 ‖W‖²` with `p = softmax(W x + b)` in Float64 by Newton's method, whose
/// equations conjugate gradients solve (Nocedal and Wright, "Numerical Optimization", 2006, algorithm 7.1).
/// It is scikit-learn's `LogisticRegression(C=1/λ)` for three classes or more; with two, which
/// scikit-learn describes by one vector, it is that of `C=2/λ`. From zero, without random numbers: equal
/// inputs give equal bits.
public struct MultinomialRegression: Sendable, Equatable {
  /// K.
  public let classes: Int
  /// F.
  public let features: Int
  /// W and b, `[K, F + 1]`, the intercept last.
  public private(set) var coefficients: [Double]

  private static let iterations = 100

  /// Fits the coefficients.
  ///
  /// - Parameters:
  ///   - rows: `[n, F]`, finite.
  ///   - labels: n classes in `0 ..< K`.
  ///   - classes: K, at least 2.
  ///   - penalty: λ, above 0.
  /// - Cost: some tens of Newton steps of up to K (F + 1) passes over the rows; `n K` Float64.
  public init(rows: [Double], labels: [Int], classes: Int, penalty: Double) {
    precondition(classes >= 2 && penalty > 0 && !labels.isEmpty, "\(classes) \(penalty)")
    self.classes = classes
    features = rows.count / labels.count
    coefficients = [Double](repeating: 0, count: classes * (features + 1))
    var problem = LogisticProblem(
      rows: rows, labels: labels, classes: classes, features: features,
      penalty: penalty / Double(labels.count))
    var value = problem.prepare(coefficients)
    var gradient = problem.gradient(coefficients)
    for _ in 0..<Self.iterations {
      let norm = Self.norm(gradient)
      guard norm > 1e-12 else { break }
      let step = problem.newtonStep(gradient, accuracy: min(0.1, norm.squareRoot()) * norm)
      let slope = zip(step, gradient).reduce(0) { $0 + $1.0 * $1.1 }
      var length = 1.0
      var next = coefficients
      var found = false
      for _ in 0..<40 where !found {
        for index in next.indices { next[index] = coefficients[index] + length * step[index] }
        let trial = problem.prepare(next)
        // Near the end differences of the values are all rounding.
        found = trial <= value + 1e-4 * length * slope + 1e-15 * abs(value)
        if found { value = trial } else { length /= 2 }
      }
      guard found else { break }
      coefficients = next
      gradient = problem.gradient(coefficients)
    }
  }

  private static func norm(_ vector: [Double]) -> Double {
    vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
  }

  /// The logarithms of the probabilities of each row.
  ///
  /// - Parameter rows: `[n, F]`.
  /// - Returns: `[n, K]`.
  public func logProbabilities(_ rows: [Double]) -> [Double] {
    let count = rows.count / features
    var result = [Double](repeating: 0, count: count * classes)
    for row in 0..<count {
      var scores = [Double](repeating: 0, count: classes)
      for index in 0..<classes {
        let own = index * (features + 1)
        scores[index] = coefficients[own + features]
        for feature in 0..<features {
          scores[index] += coefficients[own + feature] * rows[row * features + feature]
        }
      }
      let total = Mixture.logSum(scores)
      for index in 0..<classes { result[row * classes + index] = scores[index] - total }
    }
    return result
  }
}

/// The mean loss of a multinomial regression, its gradient and its Hessian times a vector.
private struct LogisticProblem {
  let rows: [Double]
  let labels: [Int]
  let classes: Int
  let features: Int
  /// λ / n.
  let penalty: Double
  /// `[n, K]`, of the coefficients that were prepared last.
  var probabilities: [Double] = []

  private var width: Int { features + 1 }

  /// The value at `coefficients`, for which gradient and products are asked next.
  mutating func prepare(_ coefficients: [Double]) -> Double {
    if probabilities.isEmpty {
      probabilities = [Double](repeating: 0, count: labels.count * classes)
    }
    var loss = 0.0
    var scores = [Double](repeating: 0, count: classes)
    for row in labels.indices {
      multiply(coefficients, row, into: &scores)
      let total = Mixture.logSum(scores)
      loss += total - scores[labels[row]]
      for index in 0..<classes { probabilities[row * classes + index] = exp(scores[index] - total) }
    }
    var squares = 0.0
    for index in coefficients.indices where index % width != features {
      squares += coefficients[index] * coefficients[index]
    }
    return loss / Double(labels.count) + penalty / 2 * squares
  }

  func gradient(_ coefficients: [Double]) -> [Double] {
    var sum = [Double](repeating: 0, count: classes * width)
    var factors = [Double](repeating: 0, count: classes)
    for row in labels.indices {
      for index in 0..<classes {
        factors[index] = probabilities[row * classes + index] - (labels[row] == index ? 1 : 0)
      }
      add(factors, row, to: &sum)
    }
    return finish(sum, coefficients)
  }

  /// The Hessian times `vector`: Σ (diag p − p pᵀ) ⊗ x xᵀ, and the penalty.
  func product(_ vector: [Double]) -> [Double] {
    var sum = [Double](repeating: 0, count: classes * width)
    var factors = [Double](repeating: 0, count: classes)
    for row in labels.indices {
      multiply(vector, row, into: &factors)
      var mean = 0.0
      for index in 0..<classes { mean += probabilities[row * classes + index] * factors[index] }
      for index in 0..<classes {
        factors[index] = probabilities[row * classes + index] * (factors[index] - mean)
      }
      add(factors, row, to: &sum)
    }
    return finish(sum, vector)
  }

  /// The solution of `H d = −g` by conjugate gradients, up to a residual of `accuracy`.
  func newtonStep(_ gradient: [Double], accuracy: Double) -> [Double] {
    var step = [Double](repeating: 0, count: gradient.count)
    var residual = gradient.map { -$0 }
    var direction = residual
    var square = residual.reduce(0) { $0 + $1 * $1 }
    for _ in 0..<2 * gradient.count {
      guard square.squareRoot() > accuracy else { break }
      let image = product(direction)
      let curvature = zip(direction, image).reduce(0) { $0 + $1.0 * $1.1 }
      guard curvature > 0 else { break }
      let length = square / curvature
      for index in step.indices {
        step[index] += length * direction[index]
        residual[index] -= length * image[index]
      }
      let next = residual.reduce(0) { $0 + $1 * $1 }
      for index in step.indices {
        direction[index] = residual[index] + next / square * direction[index]
      }
      square = next
    }
    return step
  }

  private func multiply(_ matrix: [Double], _ row: Int, into scores: inout [Double]) {
    for index in 0..<classes {
      var sum = matrix[index * width + features]
      for feature in 0..<features {
        sum += matrix[index * width + feature] * rows[row * features + feature]
      }
      scores[index] = sum
    }
  }

  private func add(_ factors: [Double], _ row: Int, to sum: inout [Double]) {
    for index in 0..<classes {
      let factor = factors[index]
      for feature in 0..<features {
        sum[index * width + feature] += factor * rows[row * features + feature]
      }
      sum[index * width + features] += factor
    }
  }

  private func finish(_ sum: [Double], _ coefficients: [Double]) -> [Double] {
    var result = sum
    for index in result.indices {
      result[index] /= Double(labels.count)
      if index % width != features { result[index] += penalty * coefficients[index] }
    }
    return result
  }
}
