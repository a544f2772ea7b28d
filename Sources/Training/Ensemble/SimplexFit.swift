import Glibc

/// Weights of a mixture, at least 0 and of sum 1, that minimise a convex loss.
///
/// Sequential quadratic programming from equal weights: each iteration minimises the second-order model on
/// the simplex and goes as far along the way there as the loss falls enough (Nocedal and Wright,
/// "Numerical Optimization", 2006, chapter 18). Nothing is random, so equal inputs give equal bits.
public enum SimplexFit {
  /// A loss at a point.
  public struct Point: Sendable {
    /// The value.
    public var value: Double
    /// The gradient, `[M]`.
    public var gradient: [Double]
    /// The Hessian, `[M, M]`.
    public var hessian: [Double]

    /// A point from its parts.
    public init(value: Double, gradient: [Double], hessian: [Double]) {
      self.value = value
      self.gradient = gradient
      self.hessian = hessian
    }
  }

  private static let iterations = 200
  /// The loss is within this much of the least one, relative to its size, when the search ends.
  private static let tolerance = 1e-13

  /// Finds the best weights.
  ///
  /// - Parameters:
  ///   - count: M, at least 1.
  ///   - loss: a convex loss with its derivatives; infinite where it is undefined.
  /// - Returns: M weights.
  /// - Cost: some ten evaluations of `loss`.
  public static func minimise(count: Int, _ loss: ([Double]) -> Point) -> [Double] {
    var weights = [Double](repeating: 1 / Double(count), count: count)
    var point = loss(weights)
    for _ in 0..<iterations {
      guard gap(weights, point) > tolerance * max(1, abs(point.value)) else { break }
      let step = quadraticStep(weights, point)
      let slope = zip(step, point.gradient).reduce(0) { $0 + $1.0 * $1.1 }
      guard slope < 0, let next = search(weights, step, point.value, slope, loss) else { break }
      (weights, point) = next
    }
    return weights
  }

  /// How much the loss can fall at most: Σ w (g − min g), since it is convex.
  private static func gap(_ weights: [Double], _ point: Point) -> Double {
    let least = point.gradient.min() ?? 0
    return zip(weights, point.gradient).reduce(0) { $0 + $1.0 * ($1.1 - least) }
  }

  /// Halves the step until the loss falls by a share of what its slope promises (Armijo 1966).
  private static func search(
    _ weights: [Double], _ step: [Double], _ value: Double, _ slope: Double,
    _ loss: ([Double]) -> Point
  ) -> ([Double], Point)? {
    var length = 1.0
    for _ in 0..<60 {
      let trial = zip(weights, step).map { max(0, $0 + length * $1) }
      let sum = trial.reduce(0, +)
      let next = trial.map { $0 / sum }
      let point = loss(next)
      if point.value.isFinite, point.value <= value + 1e-4 * length * slope {
        return (next, point)
      }
      length /= 2
    }
    return nil
  }

  /// The least of `g d + d H d / 2` with `w + d` on the simplex, by exchanging weight between the pair
  /// that gains most (as Platt's sequential minimal optimization, 1998).
  private static func quadraticStep(_ weights: [Double], _ point: Point) -> [Double] {
    let count = weights.count
    var step = [Double](repeating: 0, count: count)
    var slopes = point.gradient
    let scale = slopes.reduce(1e-300) { max($0, abs($1)) }
    for _ in 0..<1000 * count {
      var (up, down) = (0, -1)
      for index in 0..<count {
        if slopes[index] < slopes[up] { up = index }
        let movable = weights[index] + step[index] > 0
        if movable, down < 0 || slopes[index] > slopes[down] { down = index }
      }
      guard down >= 0, slopes[down] - slopes[up] > 1e-15 * scale else { break }
      let h = point.hessian
      let curvature =
        h[up * count + up] + h[down * count + down] - 2 * h[up * count + down]
      let most = weights[down] + step[down]
      let wanted = curvature > 0 ? (slopes[down] - slopes[up]) / curvature : .infinity
      let amount = min(wanted, most)
      step[up] += amount
      step[down] = amount == most ? -weights[down] : step[down] - amount
      for index in 0..<count {
        slopes[index] += amount * (h[index * count + up] - h[index * count + down])
      }
    }
    return step
  }
}
