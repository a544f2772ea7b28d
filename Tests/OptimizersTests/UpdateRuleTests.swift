import Configuration
import Optimizers
import Parameters
import Testing

/// Two weights, a few steps, against values recorded from PyTorch 2.13 or worked out in Float64.
@Suite struct UpdateRuleTests {
  typealias Rule = OptimizerConfiguration.Rule
  private static let gradients: [[Float]] = [[0.5, 0.1], [-0.3, 0.2], [0.2, -0.4]]

  private func train(
    _ rule: Rule, weightDecay: Double = 0, steps: Int, rate: Double = 0.1
  ) throws -> [Float] {
    let harness = try Harness(
      OptimizerConfiguration(rule: rule, learningRate: rate, weightDecay: weightDecay),
      layout([("w", 2)]))
    harness.store.base[0] = 1
    harness.store.base[1] = -2
    for gradient in Self.gradients.prefix(steps) { harness.step(gradient) }
    return harness.values("w")
  }

  private func expectClose(
    _ found: [Float], _ expected: [Double], _ sourceLocation: SourceLocation = #_sourceLocation
  ) {
    for (value, wanted) in zip(found, expected) {
      #expect(abs(Double(value) - wanted) < 4e-7, "\(found)", sourceLocation: sourceLocation)
    }
  }

  // reference/algorithms.md, section 3.9, check 4: two steps at rate 0.1.
  @Test func goldenValuesOfTheReference() throws {
    let adam: (Double, Double, Double) = (0.9, 0.999, 1e-8)
    expectClose(
      try train(.adam(beta1: adam.0, beta2: adam.1, epsilon: adam.2), steps: 2),
      [0.8808502, -2.19651819])
    expectClose(
      try train(
        .adamW(beta1: adam.0, beta2: adam.1, epsilon: adam.2), weightDecay: 0.01, steps: 2),
      [0.8789512, -2.19242019])
    expectClose(
      try train(.lamb(beta1: adam.0, beta2: adam.1, epsilon: adam.2), weightDecay: 0.01, steps: 2),
      [0.79157825, -2.38203188])
    expectClose(
      try train(.lars(momentum: 0.9, trust: 0.001, epsilon: 0), weightDecay: 1e-4, steps: 2),
      [0.99976937, -2.00020695])
  }

  @Test(arguments: [
    (Rule.sgd(momentum: 0, nesterov: false), 0.0, [0.96, -1.99]),
    (.sgd(momentum: 0.9, nesterov: false), 0, [0.9014999866485596, -2.025099992752075]),
    (.sgd(momentum: 0.9, nesterov: true), 0, [0.8713499903678894, -2.012589931488037]),
    (.sgd(momentum: 0.9, nesterov: false), 0.01, [0.896054744720459, -2.013831615447998]),
    (.sgd(momentum: 0.9, nesterov: true), 0.01, [0.8637211918830872, -1.9963445663452148]),
    (.adam(beta1: 0.9, beta2: 0.999, epsilon: 1e-8), 0, [0.8461074829101562, -2.1771388053894043]),
    (
      .adam(beta1: 0.9, beta2: 0.999, epsilon: 1e-8), 0.01,
      [0.84177166223526, -2.168351888656616]
    ),
    (
      .adamW(beta1: 0.9, beta2: 0.999, epsilon: 1e-8), 0.01,
      [0.8433295488357544, -2.1708483695983887]
    ),
  ])
  func threeStepsEqualPyTorch(rule: Rule, weightDecay: Double, expected: [Double]) throws {
    expectClose(try train(rule, weightDecay: weightDecay, steps: 3), expected)
  }

  @Test func largeRateGroupsScaleTheStep() throws {
    // One SGD step is linear in the rate, so a group of ten times the rate moves ten times as far.
    let harness = try Harness(
      OptimizerConfiguration(
        rule: .sgd(momentum: 0, nesterov: false), learningRate: 0.01,
        groups: [.init(match: "b", learningRate: 0.1)]),
      layout([("a", 1), ("b", 1)]))
    harness.step([1, 1], factor: 0.5)
    #expect(harness.values("a") == [-0.005])
    #expect(harness.values("b") == [-0.05])
  }

  @Test func tensorsThatDoNotDecayKeepARatioOfOne() throws {
    var slots = ParameterLayout()
    _ = slots.reserve("weight", [2], initializer: .constant(0), decaysByDefault: true)
    _ = slots.reserve("bias", [2], initializer: .constant(0))
    let harness = try Harness(
      OptimizerConfiguration(
        rule: .lars(momentum: 0, trust: 0.001, epsilon: 0), learningRate: 0.1, weightDecay: 0),
      slots)
    for index in 0..<4 { harness.store.base[index] = 3 }
    harness.step([0.3, 0.4, 0.3, 0.4])
    #expect(harness.values("bias") == [3 - 0.1 * Float(0.3), 3 - 0.1 * Float(0.4)])
    #expect(harness.values("weight")[0] > 2.999)
  }

  @Test func zeroWeightsMoveByTheRateAlone() throws {
    let harness = try Harness(
      OptimizerConfiguration(
        rule: .lars(momentum: 0, trust: 0.001, epsilon: 0), learningRate: 1, weightDecay: 0.1),
      layout([("w", 2)]))
    harness.step([0.25, -0.5])
    #expect(harness.values("w") == [-0.25, 0.5])
  }
}
