import Configuration
import Optimizers
import Parameters
import Testing

@Suite struct GroupTests {
  private typealias Group = OptimizerConfiguration.Group

  private func configuration(
    weightDecay: Double = 0, on patterns: [String]? = nil, _ groups: [OptimizerConfiguration.Group]
  ) -> OptimizerConfiguration {
    OptimizerConfiguration(
      rule: .sgd(momentum: 0, nesterov: false), learningRate: 0.5, weightDecay: weightDecay,
      weightDecayOn: patterns, groups: groups)
  }

  private func slots() -> ParameterLayout {
    var layout = ParameterLayout()
    _ = layout.reserve("image.0.weight", [1], initializer: .constant(0), decaysByDefault: true)
    _ = layout.reserve("image.0.bias", [1], initializer: .constant(0))
    _ = layout.reserve(
      "image.1.runningMean", [1], role: .statistic(momentum: 0.5, rowsPerSample: 1),
      initializer: .constant(0))
    _ = layout.reserve("head.weight", [1], initializer: .constant(0), decaysByDefault: true)
    return layout
  }

  /// The four values after one step from 1 with gradient 1 (statistic sum 3).
  private func step(_ configuration: OptimizerConfiguration) throws -> [Float] {
    let harness = try Harness(configuration, slots())
    for index in 0..<4 { harness.store.base[index] = 1 }
    harness.step([1, 1, 3, 1])
    return Array(harness.store.all)
  }

  @Test func firstMatchWins() throws {
    let found = try step(
      configuration([
        Group(match: "image.0.bias", learningRate: 0.25), Group(match: "image.0.*", freeze: true),
      ]))
    #expect(found == [1, 0.75, 2, 0.5])
  }

  @Test func freezingCoversStatistics() throws {
    #expect(try step(configuration([Group(match: "image.*", freeze: true)])) == [1, 1, 1, 0.5])
  }

  @Test func decayFollowsDefaultPatternsAndGroups() throws {
    #expect(try step(configuration(weightDecay: 0.5, [])) == [0.25, 0.5, 2, 0.25])
    #expect(
      try step(configuration(weightDecay: 0.5, on: ["*.bias"], [])) == [0.5, 0.25, 2, 0.5])
    #expect(
      try step(configuration(weightDecay: 0.5, on: [], [Group(match: "head.*", weightDecay: 1)]))
        == [0.5, 0.5, 2, 0])
  }

  @Test func frozenGradientsAreOutsideTheNorm() throws {
    let harness = try Harness(configuration([Group(match: "image.*", freeze: true)]), slots())
    #expect(harness.step([30, 40, 50, 2]).value == 2)
  }

  @Test(arguments: [(["imge.*"], [String]()), ([], ["*.wieght"])])
  func patternsWithoutMatchAreNamed(groups: [String], decay: [String]) throws {
    let wrong = configuration(
      on: decay.isEmpty ? nil : decay, groups.map { Group(match: $0, freeze: true) })
    let error = #expect(throws: OptimizerError.self) {
      try Optimizer(wrong, layout: self.slots(), blocks: .all(of: self.slots()), ema: nil)
    }
    #expect(error?.code == .patternWithoutMatch)
    #expect(error?.message.contains((groups + decay)[0]) == true)
  }
}
