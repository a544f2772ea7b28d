import Configuration
import Optimizers
import Parameters
import Testing

@Suite struct OptimizerTests {
  typealias Rule = OptimizerConfiguration.Rule
  private static let rules: [Rule] = [
    .sgd(momentum: 0, nesterov: false), .sgd(momentum: 0.9, nesterov: true),
    .adam(beta1: 0.9, beta2: 0.999, epsilon: 1e-8), .adamW(beta1: 0.9, beta2: 0.99, epsilon: 1e-8),
    .lamb(beta1: 0.9, beta2: 0.999, epsilon: 1e-6),
    .lars(momentum: 0.9, trust: 0.001, epsilon: 1e-9),
  ]
  private static let sgd = Rule.sgd(momentum: 0, nesterov: false)

  /// Five blocks, slots that cross their borders, a statistic, and a frozen slot.
  private func wideLayout() -> ParameterLayout {
    var slots = ParameterLayout()
    _ = slots.reserve("a.weight", [1000, 9], initializer: .constant(0), decaysByDefault: true)
    _ = slots.reserve("a.bias", [9], initializer: .constant(0))
    _ = slots.reserve(
      "a.runningMean", [300], role: .statistic(momentum: 0.1, rowsPerSample: 4),
      initializer: .constant(0))
    _ = slots.reserve("frozen.weight", [700], initializer: .constant(0), decaysByDefault: true)
    _ = slots.reserve("b.weight", [8000], initializer: .constant(0), decaysByDefault: true)
    return slots
  }

  private func pattern(_ count: Int, _ seed: UInt32) -> [Float] {
    var state = seed
    return (0..<count).map { _ in
      state = state &* 1_664_525 &+ 1_013_904_223
      return Float(Int32(bitPattern: state)) / 0x1p31
    }
  }

  private func train(_ rule: Rule, ranks: Int) throws -> (String, [Float]) {
    let slots = wideLayout()
    let harness = try Harness(
      OptimizerConfiguration(
        rule: rule, learningRate: 0.01, weightDecay: 0.1,
        groups: [.init(match: "frozen.*", freeze: true)]),
      slots, ranks: ranks, ema: 0.999)
    for (index, value) in pattern(slots.count, 7).enumerated() { harness.store.base[index] = value }
    for step in 0..<4 {
      harness.step(pattern(slots.count, UInt32(step)), clipNorm: 5, samples: 32)
    }
    let stretches = harness.optimizers.flatMap { $0.averagedWeights ?? [] }
    let average = stretches.sorted { $0.range.lowerBound < $1.range.lowerBound }.flatMap {
      Array(UnsafeBufferPointer(start: $0.base, count: $0.range.count))
    }
    return (harness.store.digest, average)
  }

  @Test(arguments: rules) func bitsDoNotDependOnWhoOwnsWhat(rule: Rule) throws {
    let alone = try train(rule, ranks: 1)
    for ranks in [2, 3, 5, 8] {
      let shared = try train(rule, ranks: ranks)
      #expect(shared.0 == alone.0)
      #expect(shared.1 == alone.1)
    }
  }

  @Test func stateCoversTheOwnedBlocksOnly() throws {
    let slots = wideLayout()
    let adam = OptimizerConfiguration(rule: Self.rules[2], learningRate: 0.1)
    let optimizer = try Optimizer(
      adam, layout: slots, blocks: BlockSet([1..<3], of: slots), ema: 0.9)
    #expect(optimizer.state.map(\.name) == ["adam.m", "adam.v", "ema"])
    #expect(optimizer.state.allSatisfy { $0.range == 4096..<12288 })
    let split = try Optimizer(
      adam, layout: slots, blocks: BlockSet([4..<5, 0..<1], of: slots), ema: nil)
    #expect(split.state.map(\.name) == ["adam.m", "adam.m", "adam.v", "adam.v"])
    #expect(split.state.map(\.range) == [0..<4096, 16384..<18009, 0..<4096, 16384..<18009])
    #expect(split.state[1].base == split.state[0].base + 4096)
    let last = try Optimizer(adam, layout: slots, blocks: BlockSet([4..<5], of: slots), ema: nil)
    #expect(last.state.map(\.range) == [16384..<18009, 16384..<18009])
    let none = try Optimizer(adam, layout: slots, blocks: BlockSet([], of: slots), ema: nil)
    #expect(none.state.isEmpty)
  }

  @Test func resumesExactlyFromState() throws {
    for rule in Self.rules {
      let configuration = OptimizerConfiguration(rule: rule, learningRate: 0.01, weightDecay: 0.1)
      let slots = layout([("w", 5000)])
      let straight = try Harness(configuration, slots, ema: 0.99)
      for (index, value) in pattern(5000, 3).enumerated() { straight.store.base[index] = value }
      straight.step(pattern(5000, 1))
      let resumed = try Harness(configuration, slots, ranks: 2, ema: 0.99)
      resumed.store.base.update(from: straight.store.base, count: 5000)
      for optimizer in resumed.optimizers {
        optimizer.stepsTaken = straight.optimizers[0].stepsTaken
        for (array, source) in zip(optimizer.state, straight.optimizers[0].state) {
          array.base.update(from: source.base + array.range.lowerBound, count: array.range.count)
        }
      }
      straight.step(pattern(5000, 2))
      resumed.step(pattern(5000, 2))
      #expect(resumed.store.digest == straight.store.digest, "\(rule)")
    }
  }

  @Test func clipsToTheGlobalNorm() throws {
    let harness = try Harness(
      OptimizerConfiguration(rule: Self.sgd, learningRate: 1), layout([("a", 1), ("b", 1)]))
    let norm = harness.step([3, 4], clipNorm: 1)
    #expect(norm.value == 5 && norm.isFinite)
    #expect(abs(harness.values("a")[0] + 0.6) < 1e-6 && abs(harness.values("b")[0] + 0.8) < 1e-6)
    #expect(norm.clipFactor(maxNorm: 5.1) == 1 && norm.clipFactor(maxNorm: nil) == 1)
    #expect(norm.clipFactor(maxNorm: 2.5) == Float(2.5 / (5 + 1e-6)))
  }

  @Test func nonFiniteGradientsAndStatisticsAreFoundByName() throws {
    let slots = wideLayout()
    for (name, value) in [
      ("a.bias", Float.nan), ("b.weight", .infinity), ("a.runningMean", -.infinity),
    ] {
      let harness = try Harness(
        OptimizerConfiguration(rule: Self.sgd, learningRate: 0.1), slots)
      var gradient = pattern(slots.count, 1)
      let slot = try #require(slots[name])
      gradient[slot.range.upperBound - 1] = value
      #expect(!harness.step(gradient).isFinite)
      #expect(harness.firstNonFinite() == name)
    }
    let harness = try Harness(OptimizerConfiguration(rule: Self.sgd, learningRate: 0.1), slots)
    let largest = harness.step([Float](repeating: .greatestFiniteMagnitude, count: slots.count))
    #expect(largest.isFinite && harness.firstNonFinite() == nil)
  }

  @Test func aGradientWhoseSquareIsInfiniteDoesNotFitUnlessItIsClipped() throws {
    let harness = try Harness(
      OptimizerConfiguration(rule: Self.sgd, learningRate: 0), layout([("a", 2)]))
    for (value, fits) in [(Float(1.8e19), true), (1.9e19, false), (1e38, false)] {
      let norm = harness.step([value, 0])
      #expect(norm.isFinite && norm.fits(maxNorm: nil) == fits && norm.fits(maxNorm: 1))
      #expect((value * value).isFinite == fits)
    }
    #expect(!harness.step([.infinity, 0]).fits(maxNorm: 1))
  }

  /// What one rank looks at before its gradient is added to those of others.
  @Test func oneGradientIsExaminedSlotBySlot() throws {
    let slots = wideLayout()
    let optimizer = try Optimizer(
      OptimizerConfiguration(rule: Self.sgd, learningRate: 0.1), layout: slots,
      blocks: BlockSet([0..<slots.blockCount], of: slots), ema: nil)
    var gradient = pattern(slots.count, 1)
    let all = 0..<slots.count
    #expect(optimizer.lastNonFinite(in: gradient, all) == nil)
    let sum = optimizer.checksum(of: gradient)
    for name in ["a.bias", "b.weight", "a.runningMean"] {
      let slot = try #require(slots[name])
      let kept = gradient[slot.range.upperBound - 1]
      gradient[slot.range.upperBound - 1] = .nan
      #expect(optimizer.lastNonFinite(in: gradient, all) == name)
      #expect(optimizer.lastNonFinite(in: gradient, slot.range) == name)
      #expect(optimizer.lastNonFinite(in: gradient, 0..<slot.offset) == nil)
      #expect(optimizer.checksum(of: gradient) != sum)
      gradient[slot.range.upperBound - 1] = kept.nextUp
      #expect(optimizer.lastNonFinite(in: gradient, all) == nil)
      #expect(optimizer.checksum(of: gradient) != sum)
      gradient[slot.range.upperBound - 1] = kept
    }
    #expect(optimizer.checksum(of: gradient) == sum)
  }

  @Test func statisticsFollowTheirMeanAndStayOutOfTheNorm() throws {
    var slots = ParameterLayout()
    _ = slots.reserve(
      "runningMean", [2], role: .statistic(momentum: 0.25, rowsPerSample: 4),
      initializer: .constant(0))
    _ = slots.reserve("weight", [1], initializer: .constant(0))
    let harness = try Harness(
      OptimizerConfiguration(rule: Self.sgd, learningRate: 1), slots, ema: 0.5)
    harness.store.base[0] = 8
    let norm = harness.step([80, 160, 2], clipNorm: 0.1, samples: 10)
    #expect(norm.value == 2)
    // 0.75 · 8 + 0.25 · 80 / 40 and 0.25 · 160 / 40: clipping does not touch them.
    #expect(harness.values("runningMean") == [6.5, 1])
    let average = try #require(harness.optimizers[0].averagedWeights?.first)
    #expect(average.base[0] == 6.5 && average.base[1] == 1)
  }

  @Test func theAverageWarmsUp() throws {
    let harness = try Harness(
      OptimizerConfiguration(rule: Self.sgd, learningRate: 1), layout([("w", 1)]), ema: 0.15)
    harness.store.base[0] = 1
    #expect(harness.optimizers[0].averagedWeights == nil)
    var expected: Float = 1
    for step in 0..<3 {
      harness.step([1])
      // d is 1/10, then 2/11 and 3/12, of which 0.15 is the upper bound.
      let decay = Float(step == 0 ? 0.1 : 0.15)
      expected = decay * expected + (1 - decay) * Float(-step)
    }
    let average = try #require(harness.optimizers[0].averagedWeights?.first)
    #expect(abs(average.base[0] - expected) < 1e-6)
  }
}
