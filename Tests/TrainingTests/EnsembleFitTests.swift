import Foundation
import TestSupport
import Testing
import Training

/// What combines runs, against scikit-learn and exact answers.
@Suite struct EnsembleFitTests {
  /// Numbers in `0 ..< 1` of a linear congruential generator.
  private struct Draws {
    private var state: UInt64 = 12345

    mutating func next() -> Double {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Double(state >> 11) * 0x1p-53
    }
  }

  private static func problem(_ classes: Int) -> (rows: [Double], labels: [Int]) {
    var draws = Draws()
    var rows: [Double] = []
    var labels: [Int] = []
    for _ in 0..<120 {
      let row = (0..<4).map { _ in 6 * draws.next() - 3 }
      rows += row
      let noisy = row[0] + 0.5 * row[1] + 2 * draws.next()
      labels.append(min(classes - 1, max(0, Int((noisy + 4) / 8 * Double(classes)))))
    }
    return (rows, labels)
  }

  @Test(
    .enabled(if: Python.has("sklearn", "numpy"), "scikit-learn is missing"),
    arguments: [(2, 1.0), (3, 1.0), (5, 0.01), (3, 30)])
  func regressionIsThatOfScikitLearn(classes: Int, penalty: Double) throws {
    let (rows, labels) = Self.problem(classes)
    let found = MultinomialRegression(
      rows: rows, labels: labels, classes: classes, penalty: penalty)
    let script = """
      import json, sys, numpy as np
      from sklearn.linear_model import LogisticRegression
      x, y, k, l = json.loads(sys.argv[1])
      x = np.array(x).reshape(len(y), -1)
      c = (2 if k == 2 else 1) / l
      m = LogisticRegression(C=c, solver='newton-cg', tol=1e-12, max_iter=10000).fit(x, y)
      print(json.dumps(m.predict_log_proba(x).flatten().tolist()))
      """
    let numbers = "[\(rows), \(labels), \(classes), \(penalty)]"
    let expected = try JSONDecoder().decode(
      [Double].self, from: Data(try Python.run(script, [numbers]).utf8))
    let logs = found.logProbabilities(rows)
    #expect(logs.count == expected.count)
    let worst = zip(logs, expected).map { abs($0 - $1) }.max() ?? 1
    #expect(worst < 1e-6, "\(worst)")
    #expect(
      found == MultinomialRegression(rows: rows, labels: labels, classes: classes, penalty: penalty)
    )
  }

  @Test func classesThatPartDoNotRunAway() {
    let rows = (0..<40).map { Double($0 < 20 ? -1 : 1) * (1 + Double($0 % 5)) * 1000 }
    let labels = (0..<40).map { $0 < 20 ? 0 : 1 }
    let fit = MultinomialRegression(rows: rows, labels: labels, classes: 2, penalty: 1e-6)
    let logs = fit.logProbabilities(rows)
    #expect(logs.allSatisfy { $0.isFinite })
    for row in 0..<40 { #expect(logs[2 * row + labels[row]] > -1e-3) }
  }

  /// `Σ (w − t)²` over the simplex is the projection of t.
  @Test(
    arguments: [
      ([0.2, 0.3, 0.5], [0.2, 0.3, 0.5]), ([2, 0, 0], [1, 0, 0]), ([0.9, 0.5, -3], [0.7, 0.3, 0]),
      ([1, 1, 1], [1.0 / 3, 1.0 / 3, 1.0 / 3]),
    ] as [([Double], [Double])])
  func quadraticLossesArriveAtTheProjection(target: [Double], expected: [Double]) {
    let weights = SimplexFit.minimise(count: 3) { w in
      .init(
        value: zip(w, target).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) },
        gradient: zip(w, target).map { 2 * ($0 - $1) }, hessian: [2, 0, 0, 0, 2, 0, 0, 0, 2])
    }
    for (found, wanted) in zip(weights, expected) {
      #expect(abs(found - wanted) < 1e-9, "\(weights)")
    }
    #expect(abs(weights.reduce(0, +) - 1) < 1e-12)
  }

  /// For `−Σ c log w` the best weights are the shares of c; where one member alone explains nothing, it gets
  /// nothing.
  @Test func logarithmicLossesArriveAtTheShares() {
    let shares = [0.1, 0.6, 0.05, 0.25]
    let weights = SimplexFit.minimise(count: 4) { w in
      var hessian = [Double](repeating: 0, count: 16)
      for index in 0..<4 { hessian[5 * index] = shares[index] / (w[index] * w[index]) }
      return .init(
        value: -zip(w, shares).reduce(0) { $0 + $1.1 * log($1.0) },
        gradient: zip(w, shares).map { -$1 / $0 }, hessian: hessian)
    }
    for (found, wanted) in zip(weights, shares) {
      #expect(abs(found - wanted) < 1e-7, "\(weights)")
    }
    #expect(
      SimplexFit.minimise(count: 1) { _ in .init(value: 1, gradient: [3], hessian: [0]) } == [1])
    // Equal members: nothing to choose, no division by a curvature of 0.
    let equal = SimplexFit.minimise(count: 2) { w in
      .init(value: w[0] + w[1], gradient: [1, 1], hessian: [1, 1, 1, 1])
    }
    #expect(equal == [0.5, 0.5])
    // Linear: all goes to the least.
    let linear = SimplexFit.minimise(count: 3) { w in
      .init(
        value: 3 * w[0] + w[1] + 2 * w[2], gradient: [3, 1, 2],
        hessian: [Double](repeating: 0, count: 9))
    }
    #expect(linear == [0, 1, 0])
  }
}
