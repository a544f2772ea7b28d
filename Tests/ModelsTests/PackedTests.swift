import Configuration
import Models
import Tensors
import Testing

/// Sequences of different lengths and samples that lack a modality.
@Suite struct PackedTests {
  /// Up to 9 steps of 4 values, with a value for each step to hit.
  private static let sequences = [
    MicrobatchField(name: "x", sampleShape: [4], element: .float, longest: 9),
    MicrobatchField(name: "y", sampleShape: [2], element: .float, longest: 9),
  ]

  private static func stepwise(_ encoder: [LayerConfiguration]) -> ModelConfiguration {
    ModelConfiguration(
      modalities: [ModalityConfiguration(name: "x", field: "x", encoder: encoder)],
      heads: [
        HeadConfiguration(
          name: "y", layers: [.linear(out: 2, bias: true)], loss: .meanSquaredError, target: "y")
      ])
  }

  private static let encoder: [LayerConfiguration] = [
    conv1d(5, 3, padding: 1), .activation(.tanh), .layerNorm(epsilon: 1e-5), conv1d(6, 1),
    .dropout(rate: 0.3),
  ]

  /// The samples of `bench` alone, one after the other, give what they give together.
  @Test func neighboursDoNotMatter() throws {
    let together = try Bench(Self.stepwise(Self.encoder), Self.sequences, capacity: 6)
    together.evaluate()
    let offsets = together.microbatch.offsets(0)
    let lengths = (0..<6).map { offsets[$0 + 1] - offsets[$0] }
    #expect(lengths.contains(0), "an empty sample is wanted, these are \(lengths)")
    let outputs = together.output()
    for sample in 0..<6 {
      let alone = try Bench(Self.stepwise(Self.encoder), Self.sequences, capacity: 6, count: 1)
      for (field, width) in [(0, 4), (1, 2)] {
        let (from, to) = (offsets[sample], offsets[sample + 1])
        let source = together.microbatch.floats(field) + from * width
        alone.microbatch.floats(field).update(from: source, count: (to - from) * width)
        alone.microbatch.offsets(field)[0] = 0
        alone.microbatch.offsets(field)[1] = to - from
      }
      alone.evaluate()
      let own = outputs[offsets[sample] * 2..<offsets[sample + 1] * 2]
      #expect(zip(alone.output(), own).allSatisfy { abs($0 - $1) < 1e-6 })
    }
  }

  @Test(
    "A window over nothing yields nothing, however far it reaches over the ends",
    arguments: [
      conv1d(4, 4, padding: 2), .maxPool(window(2, stride: 1, padding: 1)),
      .averagePool(window(2, stride: 2, padding: 1)),
    ])
  func paddingAloneHasNoOutput(layer: LayerConfiguration) throws {
    let fields = [Self.sequences[0], values("y", [2])]
    let configuration = ModelConfiguration(
      modalities: [
        ModalityConfiguration(name: "x", field: "x", encoder: [linear(4), layer, .pool(.max)])
      ],
      heads: [
        HeadConfiguration(name: "y", layers: [linear(2)], loss: .meanSquaredError, target: "y")
      ])
    let bench = try Bench(configuration, fields, capacity: 6)
    bench.evaluate()
    let offsets = bench.microbatch.offsets(0)
    #expect(offsets[3] == offsets[2], "the third sample is meant to be empty")
    let slot = try #require(bench.model.layout["heads.y.0.bias"])
    let bias = [Float](bench.store[slot])
    #expect(Array(bench.output()[4..<6]) == bias)
    bench.train()
    #expect(bench.gradientValues.allSatisfy { $0.isFinite })
  }

  @Test func theDivisorCountsSteps() throws {
    let bench = try Bench(Self.stepwise(Self.encoder), Self.sequences, capacity: 6)
    #expect(bench.normalizers == [Double(bench.microbatch.offsets(0)[6])])
    #expect(bench.model.heads[0].rowsPerSample == nil)
  }

  @Test func windowsShortenSequences() throws {
    let layers: [LayerConfiguration] = [
      conv1d(5, 3, stride: 2), .maxPool(window(2)), .averagePool(window(2, stride: 1)),
    ]
    let model = try Model(
      Self.stepwise(layers), fields: Self.sequences, capacity: 2, seed: 1, requireTargets: false)
    #expect(model.heads[0].isSequence)
    let field = MicrobatchField(name: "x", sampleShape: [4], element: .float, longest: 4)
    #expect(throws: ModelError.self) {
      _ = try Model(
        Self.stepwise(layers), fields: [field], capacity: 2, seed: 1, requireTargets: false)
    }
  }

  @Test func aTargetOfAnotherLengthIsNamed() throws {
    let bench = try Bench(Self.stepwise(Self.encoder), Self.sequences, capacity: 4)
    for sample in 3...4 { bench.microbatch.offsets(1)[sample] += 1 }
    let wrong = try #require(bench.model.labelOutOfRange(bench.microbatch))
    #expect(wrong.sampleNumber == bench.microbatch.sampleNumbers[2])
    #expect(wrong.description.contains("steps, expected"))
  }

  @Test func sequencesDoNotFlatten() {
    #expect(throws: ModelError.self) {
      _ = try Model(
        network([.flatten]), fields: Self.sequences + [labels("y", classes: 3)], capacity: 2,
        seed: 1)
    }
  }

  // MARK: Missing modalities

  private static let optional = [
    MicrobatchField(name: "a", sampleShape: [3, 3, 2], element: .float, isOptional: true),
    values("b", [4]), labels("y", classes: 3),
  ]

  private static var fused: ModelConfiguration {
    ModelConfiguration(
      modalities: [
        ModalityConfiguration(
          name: "a", field: "a",
          encoder: [conv(4, 2), norm, .activation(.relu), .flatten, .linear(out: 3, bias: true)]),
        ModalityConfiguration(name: "b", field: "b", encoder: [.linear(out: 3, bias: true)]),
      ],
      heads: [
        HeadConfiguration(
          name: "y", layers: [.linear(out: 3, bias: true)], loss: plainCrossEntropy, target: "y")
      ])
  }

  private static let norm = LayerConfiguration.batchNorm(momentum: 0.1, epsilon: 1e-5)

  /// What an absent sample would hold is never read: batch norm's statistics are of the others.
  @Test func absentSamplesLeaveNoTrace() throws {
    let bench = try Bench(Self.fused, Self.optional, capacity: 6)
    let present = bench.microbatch.units(0)
    #expect(present > 1 && present < 6)
    bench.train()
    let first = bench.gradientValues
    bench.microbatch.floats(0)[present * 18] = .nan
    bench.train()
    #expect(first == bench.gradientValues)
    #expect(first.allSatisfy { $0.isFinite })
  }

  @Test func aModalityThatAllSamplesLackGetsNoGradient() throws {
    let bench = try Bench(Self.fused, Self.optional, capacity: 6)
    bench.microbatch.presence(0).update(repeating: 0, count: 6)
    bench.microbatch.offsets(0).update(repeating: 0, count: 7)
    bench.train()
    for slot in bench.model.layout.slots where slot.name.hasPrefix("modalities.a.") {
      let values = bench.gradientValues[slot.offset..<slot.offset + slot.count]
      if case .statistic = slot.role {
        // The running statistics, weighted as a full microbatch: they stay where they are.
        let running = slot.name.hasSuffix("runningVariance") ? Float(6 * 4) : 0
        #expect(values.allSatisfy { $0 == running })
      } else {
        #expect(values.allSatisfy { $0 == 0 })
      }
    }
  }
}
