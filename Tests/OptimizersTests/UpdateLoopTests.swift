import Configuration
import Foundation
import Optimizers
import Parameters
import Testing

/// Every rule on random values against the same formulas in Float64, element by element.
@Suite struct UpdateLoopTests {
  private static let count = 4133

  private func random(_ seed: UInt64, _ scale: Double) -> [Float] {
    var state = seed &+ 0x9E37_79B9_7F4A_7C15
    return (0..<Self.count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Float((Double(state >> 11) / 0x1p53 - 0.5) * scale)
    }
  }

  /// Three steps of one rule; the reference is a closure of (weight, gradient, state, t).
  private func expectClose(
    _ rule: OptimizerConfiguration.Rule, sourceLocation: SourceLocation = #_sourceLocation,
    _ reference: (inout Double, Double, inout (Double, Double), Double) -> Void
  ) throws {
    let harness = try Harness(
      OptimizerConfiguration(rule: rule, learningRate: 0.05, weightDecay: 0.02),
      layout([("w", Self.count)]))
    let start = random(1, 2)
    harness.store.base.update(from: start, count: Self.count)
    var weights = start.map(Double.init)
    var state = [(Double, Double)](repeating: (0, 0), count: Self.count)
    for step in 1...3 {
      let gradient = random(UInt64(step) * 77, 0.2)
      harness.step(gradient)
      for index in 0..<Self.count {
        reference(&weights[index], Double(gradient[index]), &state[index], Double(step))
      }
    }
    for (found, wanted) in zip(harness.values("w"), weights) {
      guard abs(Double(found) - wanted) > 2e-6 else { continue }
      Issue.record("found \(found), expected \(wanted)", sourceLocation: sourceLocation)
      return
    }
  }

  @Test func plainAndMomentum() throws {
    try expectClose(.sgd(momentum: 0, nesterov: false)) { weight, gradient, _, _ in
      weight -= 0.05 * (gradient + 0.02 * weight)
    }
    try expectClose(.sgd(momentum: 0.9, nesterov: false)) { weight, gradient, state, _ in
      state.0 = 0.9 * state.0 + gradient + 0.02 * weight
      weight -= 0.05 * state.0
    }
    try expectClose(.sgd(momentum: 0.9, nesterov: true)) { weight, gradient, state, _ in
      let slope = gradient + 0.02 * weight
      state.0 = 0.9 * state.0 + slope
      weight -= 0.05 * (slope + 0.9 * state.0)
    }
  }

  @Test(arguments: [false, true]) func adamCoupledAndDecoupled(decoupled: Bool) throws {
    try expectClose(
      decoupled
        ? .adamW(beta1: 0.8, beta2: 0.99, epsilon: 1e-3)
        : .adam(beta1: 0.8, beta2: 0.99, epsilon: 1e-3)
    ) { weight, gradient, state, time in
      let slope = gradient + (decoupled ? 0 : 0.02 * weight)
      if decoupled { weight *= 1 - 0.05 * 0.02 }
      state.0 = 0.8 * state.0 + 0.2 * slope
      state.1 = 0.99 * state.1 + 0.01 * slope * slope
      let first = state.0 / (1 - pow(0.8, time))
      let second = state.1 / (1 - pow(0.99, time))
      weight -= 0.05 * first / (second.squareRoot() + 1e-3)
    }
  }

  @Test func theNormIsThatOfFloat64() throws {
    let harness = try Harness(
      OptimizerConfiguration(rule: .sgd(momentum: 0, nesterov: false), learningRate: 0),
      layout([("w", Self.count)]))
    let gradient = random(5, 3)
    let expected = gradient.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    #expect(abs(harness.step(gradient).value / expected - 1) < 1e-14)
  }
}
