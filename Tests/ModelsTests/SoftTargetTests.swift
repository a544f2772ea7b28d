import Buffers
import Configuration
import Models
import Parameters
import Tensors
import Testing

/// Heads that learn from teachers too.
@Suite struct SoftTargetTests {
  private static let fields = [
    values("x", [5]), labels("label", classes: 3), values("value", [3]), values("w", []),
  ]

  /// The memory of targets, kept by what reads it.
  private final class Memory {
    let buffer: HostBuffer<Float>
    init(count: Int) { buffer = HostBuffer(count: count) }
  }

  /// Targets for the sample numbers that ``Bench`` draws: rows of three that add up to 1.
  private static func targets(_ samples: Int, alpha: Double, temperature: Double) -> SoftTargets {
    let memory = Memory(count: 3 * (3 * samples + 6))
    for row in 0..<memory.buffer.count / 3 {
      let share = Float(row % 7) / 10
      for (index, value) in [share, 0.3, 0.7 - share].enumerated() {
        memory.buffer[3 * row + index] = value
      }
    }
    return SoftTargets(
      temperature: temperature, alpha: alpha, values: UnsafePointer(memory.buffer.base),
      keeping: memory)
  }

  private static func bench(
    _ loss: LossConfiguration, _ target: String, weights: String? = nil
  ) throws -> Bench {
    let configuration = ModelConfiguration(
      modalities: [
        ModalityConfiguration(name: "x", field: "x", encoder: [linear(4), .activation(.tanh)])
      ],
      heads: [
        HeadConfiguration(
          name: "y", layers: [linear(3)], loss: loss, target: target, weights: weights)
      ])
    let bench = try Bench(configuration, fields, capacity: 5)
    for index in 0..<5 { bench.microbatch.floats(3)[index] = index == 1 ? 0 : 1.5 }
    for index in 0..<15 where loss == .binaryCrossEntropy {
      bench.microbatch.floats(2)[index] = index % 2 == 0 ? 1 : 0
    }
    bench.normalizers = [bench.model.normalizerContribution(head: 0, bench.microbatch), 5]
    return bench
  }

  /// What the gradients are the gradient of.
  private static func objective(_ bench: Bench) -> Double {
    bench.train()
    return (0..<2).reduce(0.0) {
      let normalizer = bench.normalizers[$1]
      guard normalizer > 0 else { return $0 }
      return $0 + bench.model.lossWeight(at: $1) / normalizer * bench.model.losses[$1]
    }
  }

  @Test(arguments: [plainCrossEntropy, .binaryCrossEntropy, .meanSquaredError, .huber(delta: 0.5)])
  func theGradientIsThatOfBothTerms(loss: LossConfiguration) throws {
    let bench = try Self.bench(loss, loss == plainCrossEntropy ? "label" : "value")
    bench.model.learn(from: [Self.targets(5, alpha: 0.6, temperature: 3)])
    FiniteDifference.disturb(bench.store)
    bench.train()
    #expect(bench.model.losses[1] > 0)
    FiniteDifference.check(
      bench.model.layout, bench.store.base, analytic: bench.gradientValues.map(Double.init)
    ) { Self.objective(bench) }
  }

  @Test func whatWeighsNothingHasTheSoftTermAlone() throws {
    let bench = try Self.bench(plainCrossEntropy, "label", weights: "w")
    bench.model.learn(from: [Self.targets(5, alpha: 0.5, temperature: 2)])
    bench.train()
    let first = (bench.gradientValues, bench.model.losses[0], bench.model.losses[1])
    // Another label of the sample without weight changes nothing, its targets do.
    bench.microbatch.integers(1)[1] = (bench.microbatch.integers(1)[1] + 1) % 3
    bench.train()
    #expect(bench.gradientValues == first.0 && bench.model.losses[0] == first.1)
    bench.microbatch.sampleNumbers[1] += 1
    bench.train()
    #expect(bench.gradientValues != first.0 && bench.model.losses[0] == first.1)
    #expect(bench.model.losses[1] != first.2)
    // A batch without any label still learns.
    for index in 0..<5 { bench.microbatch.floats(3)[index] = 0 }
    bench.normalizers[0] = 0
    bench.train()
    #expect(bench.gradientValues.contains { $0 != 0 } && bench.model.losses[0] == 0)
  }

  @Test func atTheEndsOfAlphaOneTermIsLeft() throws {
    let alone = try Self.bench(plainCrossEntropy, "label")
    alone.train()
    let none = try Self.bench(plainCrossEntropy, "label")
    none.model.learn(from: [Self.targets(5, alpha: 0, temperature: 2)])
    none.train()
    #expect(none.gradientValues == alone.gradientValues)
    let all = try Self.bench(plainCrossEntropy, "label")
    all.model.learn(from: [Self.targets(5, alpha: 1, temperature: 2)])
    all.train()
    let first = all.gradientValues
    for index in 0..<5 {
      all.microbatch.integers(1)[index] = (all.microbatch.integers(1)[index] + 1) % 3
    }
    all.train()
    #expect(all.gradientValues == first && first != alone.gradientValues)
  }
}
