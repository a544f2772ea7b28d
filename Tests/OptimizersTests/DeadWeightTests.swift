import Configuration
import Optimizers
import Parameters
import Testing

/// What is dead stays dead under every rule, without the update's help.
@Suite struct DeadWeightTests {
  private static let rules: [OptimizerConfiguration.Rule] = [
    .sgd(momentum: 0, nesterov: false), .sgd(momentum: 0.9, nesterov: false),
    .sgd(momentum: 0.9, nesterov: true), .adam(beta1: 0.9, beta2: 0.999, epsilon: 1e-8),
    .adamW(beta1: 0.9, beta2: 0.999, epsilon: 1e-8),
    .lamb(beta1: 0.9, beta2: 0.999, epsilon: 1e-6),
    .lars(momentum: 0.9, trust: 0.01, epsilon: 1e-8),
  ]
  /// Two tensors over two blocks.
  private static let slots = [("a", 4000), ("b", 300)]
  private static let count = 4300

  private func random(_ seed: Int) -> [Float] {
    var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 &+ 1
    return (0..<Self.count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Float(Int64(bitPattern: state) >> 40) / Float(1 << 23)
    }
  }

  private func harness(_ rule: OptimizerConfiguration.Rule) throws -> Harness {
    let harness = try Harness(
      OptimizerConfiguration(rule: rule, learningRate: 0.05, weightDecay: 0.02),
      layout(Self.slots), ranks: 2, ema: 0.9)
    harness.store.base.update(from: random(1), count: Self.count)
    for step in 2..<5 { harness.step(random(step)) }
    return harness
  }

  /// As a run does when a mask was chosen.
  private func prune(_ harness: Harness, _ mask: ParameterMask) {
    mask.clearDead(0..<Self.count, in: harness.store.base)
    for optimizer in harness.optimizers { optimizer.clearDead(mask) }
  }

  private func masked(_ gradient: [Float], _ mask: ParameterMask) -> [Float] {
    gradient.enumerated().map { mask.isLive($0) ? $1 : 0 }
  }

  @Test(arguments: rules)
  func weightsAndStateStayZero(rule: OptimizerConfiguration.Rule) throws {
    let mask = ParameterMask(count: Self.count) { $0 % 7 == 3 }
    let harness = try harness(rule)
    prune(harness, mask)
    for step in 5..<12 {
      harness.step(
        masked(random(step), mask), clipNorm: step % 2 == 0 ? 0.5 : nil, factor: 0.7)
      for place in 0..<Self.count where !mask.isLive(place) {
        #expect(harness.store.base[place].bitPattern == 0, "\(rule): weight \(place)")
      }
      for part in harness.optimizers.flatMap(\.state) {
        for (index, place) in part.range.enumerated() where !mask.isLive(place) {
          #expect(part.base[index].bitPattern == 0, "\(rule): \(part.name) of \(place)")
        }
      }
    }
    #expect((0..<Self.count).contains { mask.isLive($0) && harness.store.base[$0] != 0 })
  }

  /// Where no number of a whole tensor comes in, what lives moves as if nothing were dead.
  @Test(arguments: rules.prefix(5))
  func whatLivesDoesNotNotice(rule: OptimizerConfiguration.Rule) throws {
    let mask = ParameterMask(count: Self.count) { $0 % 3 != 1 }
    let (pruned, whole) = (try harness(rule), try harness(rule))
    prune(pruned, mask)
    for step in 5..<9 {
      pruned.step(masked(random(step), mask))
      whole.step(random(step))
    }
    for place in 0..<Self.count where mask.isLive(place) {
      #expect(pruned.store.base[place].bitPattern == whole.store.base[place].bitPattern)
    }
  }

  @Test func restartingForgetsEverything() throws {
    let harness = try harness(Self.rules[3])
    for optimizer in harness.optimizers {
      #expect(optimizer.stepsTaken == 3)
      optimizer.restart()
      #expect(optimizer.stepsTaken == 0 && optimizer.averagedWeights == nil)
      for part in optimizer.state {
        #expect((0..<part.range.count).allSatisfy { part.base[$0].bitPattern == 0 })
      }
    }
  }

  @Test func squaresOfWhatLivesAreCountedAlone() throws {
    let mask = ParameterMask(count: Self.count) { $0 % 5 == 0 }
    let harness = try harness(Self.rules[0])
    let gradient = random(77)
    for optimizer in harness.optimizers {
      let alone = optimizer.squaredNorm(gradient, live: mask)
      #expect(alone == optimizer.squaredNorm(masked(gradient, mask)) && alone > 0)
      #expect(alone < optimizer.squaredNorm(gradient))
    }
  }
}
