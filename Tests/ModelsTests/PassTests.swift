import Configuration
import Models
import Parameters
import Tensors
import Testing

@Suite struct PassTests {
  private let classifier = ModelTests.classifier()
  private let fields = ModelTests.small

  @Test(arguments: [1, 2, 5])
  func capacityDoesNotMatter(_ count: Int) throws {
    let wide = try Bench(classifier, fields, capacity: 9, count: count)
    let exact = try Bench(classifier, fields, capacity: count)
    #expect(wide.train() == exact.train())
    let isSame = wide.gradientValues == exact.gradientValues
    #expect(isSame)
    wide.evaluate()
    exact.evaluate()
    #expect(wide.output() == exact.output())
    #expect(wide.objective == exact.objective)
  }

  @Test(arguments: FiniteDifferenceTests.Case.layers + FiniteDifferenceTests.Case.composites)
  func writesEveryGradientWhateverWasThere(_ subject: FiniteDifferenceTests.Case) throws {
    let bench = try Bench(subject.configuration, subject.fields, capacity: 4, count: 3)
    bench.gradients.values.all.update(repeating: .nan)
    bench.train()
    let first = bench.gradientValues
    #expect(first.allSatisfy { $0.isFinite })
    bench.gradients.values.all.update(repeating: 1e9)
    bench.train()
    #expect(bench.gradientValues == first)
  }

  @Test func earlierPassesLeaveNoTrace() throws {
    let bench = try Bench(classifier, fields, capacity: 6, count: 3)
    let fresh = bench.train()
    let gradients = bench.gradientValues
    bench.microbatch.count = 6
    bench.train(step: 9)
    bench.evaluate()
    bench.microbatch.count = 3
    #expect(bench.train() == fresh)
    let isSame = bench.gradientValues == gradients
    #expect(isSame)
  }

  @Test func dropoutFollowsStepAndSampleNumber() throws {
    let bench = try Bench(network([linear(40), .dropout(rate: 0.5)]), Self.rows, capacity: 4)
    let first = bench.train(step: 1)
    #expect(bench.train(step: 2) != first)
    #expect(bench.train(step: 1) == first)
    bench.microbatch.sampleNumbers[2] += 1
    #expect(bench.train(step: 1) != first)
  }

  private static let rows = [values("x", [6]), labels("y", classes: 3)]

  @Test func evaluationDropsNothingAndUsesRunningStatistics() throws {
    let layers: [LayerConfiguration] = [linear(5), .dropout(rate: 0.5), norm]
    let bench = try Bench(network(layers), Self.rows, capacity: 4)
    let plain = try Bench(network([linear(5)]), Self.rows, capacity: 4)
    for slot in plain.model.layout.slots {
      let same = try #require(bench.model.layout[slot.name])
      _ = bench.store[same].update(fromContentsOf: plain.store[slot])
    }
    bench.evaluate()
    plain.evaluate()
    // Running mean 0 and variance 1: the norm divides by √(1 + 1e-5) only.
    for (found, expected) in zip(bench.output(), plain.output()) {
      #expect(abs(found - expected) < 1e-4)
    }
    let variance = try #require(bench.model.layout["modalities.x.2.runningVariance"])
    bench.store[variance].update(repeating: 4)
    let before = bench.output()
    bench.evaluate()
    #expect(bench.output() != before)
  }

  @Test func statisticsAreSumsOverRows() throws {
    let bench = try Bench(
      network([norm]), [values("x", [3, 2]), labels("y", classes: 3)], capacity: 4)
    bench.train()
    let input = bench.microbatch.floats(0)
    for channel in 0..<2 {
      let column = (0..<12).map { Double(input[$0 * 2 + channel]) }
      let mean = column.reduce(0, +) / 12
      let variance = column.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 11
      let means = try #require(bench.model.layout["modalities.x.0.runningMean"])
      let variances = try #require(bench.model.layout["modalities.x.0.runningVariance"])
      #expect(abs(Double(bench.gradientValues[means.offset + channel]) - 12 * mean) < 1e-4)
      #expect(abs(Double(bench.gradientValues[variances.offset + channel]) - 12 * variance) < 1e-4)
    }
  }

  @Test func oneRowHasNoVariance() throws {
    let bench = try Bench(network([linear(3), norm]), Self.rows, capacity: 4, count: 1)
    bench.train()
    let slot = try #require(bench.model.layout["modalities.x.1.runningVariance"])
    #expect(bench.gradientValues[slot.range].allSatisfy { $0 == 0 })
    #expect(bench.gradientValues.allSatisfy { $0.isFinite })
  }

  @Test func normalizersScaleTheGradientAlone() throws {
    let bench = try Bench(network([linear(4)]), Self.rows, capacity: 4)
    bench.train()
    let (loss, gradients) = (bench.model.losses[0], bench.gradientValues)
    bench.normalizers = [8]
    bench.train()
    #expect(bench.model.losses[0] == loss)
    #expect(bench.gradientValues == gradients.map { $0 / 2 })
    bench.normalizers = [0]
    bench.train()
    #expect(bench.gradientValues.allSatisfy { $0 == 0 })
  }

  @Test func normalizersAddClassWeights() throws {
    let weighted = network(
      [linear(4)], loss: .crossEntropy(labelSmoothing: 0, classWeights: [0.5, 2, 1]))
    let bench = try Bench(weighted, Self.rows, capacity: 3)
    for (sample, label) in [0, 1, 1].enumerated() {
      bench.microbatch.integers(1)[sample] = Int64(label)
    }
    #expect(bench.model.normalizerContribution(head: 0, bench.microbatch) == 4.5)
    let plain = try Bench(network([linear(4)]), Self.rows, capacity: 3)
    #expect(
      plain.model.normalizerContribution(head: 0, plain.microbatch)
        == Double(plain.microbatch.count))
  }

  @Test func passesAllocateNothing() throws {
    for subject in FiniteDifferenceTests.Case.layers + FiniteDifferenceTests.Case.composites
      + FiniteDifferenceTests.Case.losses
    {
      let bench = try Bench(subject.configuration, subject.fields, capacity: 4)
      let (model, microbatch) = (bench.model, bench.microbatch)
      let parameters = UnsafePointer(bench.store.base)
      var gradients = LocalGradients(model.layout)
      let normalizers = bench.normalizers
      normalizers.withUnsafeBufferPointer { buffer in
        guard let divisors = buffer.baseAddress else { return }
        let touched = AllocationProbe.sizesTouched {
          for step in 0..<3 {
            model.train(
              microbatch, parameters, normalizers: divisors, step: step, into: &gradients)
            model.evaluate(microbatch, parameters)
          }
        }
        #expect(touched == [], "\(subject.name)")
      }
    }
  }

  @Test func theAllocationProbeSeesAllocations() {
    var sum = 0
    let touched = AllocationProbe.sizesTouched {
      for count in 1...20 { sum += Array(repeating: count, count: count).reversed().reduce(0, +) }
    }
    #expect(sum == 3 * 2870 && touched.count > 5)
  }
}
