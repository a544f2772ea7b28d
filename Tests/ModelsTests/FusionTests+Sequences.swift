import Configuration
import Models
import Tensors
import Testing

/// Ways to join sequences, with samples that lack some.
extension FusionTests {
  /// Two sequences of different lengths that may be missing, and one of 3 steps that is always there.
  static let sequences = [
    MicrobatchField(name: "a", sampleShape: [3], element: .float, longest: 5, isOptional: true),
    MicrobatchField(name: "b", sampleShape: [2], element: .float, longest: 4, isOptional: true),
    values("c", [3, 4]), labels("y", classes: 3),
  ]

  static let sequenceCases: [Case] = {
    let bottleneck = FusionConfiguration.bottleneck(
      BottleneckConfiguration(tokens: 2, layers: 2, heads: 2, hidden: 5))
    // A sequence is left to the head, which has its own step for samples without any.
    let steps: [LayerConfiguration] = [
      .classToken, .attention(AttentionConfiguration(heads: 2)), .pool(.first),
    ]
    let fusions:
      [(String, FusionConfiguration, MissingConfiguration.Substitute, [LayerConfiguration])] = [
        ("cross-attention", .crossAttention(heads: 2), .learned, []),
        ("bottleneck", bottleneck, .zero, []), ("sequence", .sequence, .zero, steps),
      ]
    return fusions.flatMap { name, fusion, substitute, first in
      return [true, false].map { drops in
        let missing = MissingConfiguration(
          drop: drops ? ["a", "b", "c"].map { .init(modality: $0, rate: 0.4) } : [],
          substitute: drops ? substitute : .zero)
        return Case(
          name: drops ? "\(name), dropping" : name,
          configuration: ModelConfiguration(
            modalities: ["a", "b", "c"].map {
              ModalityConfiguration(name: $0, field: $0, encoder: [linear(4)])
            }, fusion: fusion, missing: missing,
            heads: [
              HeadConfiguration(
                name: "y", layers: first + [linear(3)], loss: plainCrossEntropy, target: "y"),
              HeadConfiguration(
                name: "only-a", source: "a", layers: [.pool(.mean), linear(3)],
                loss: plainCrossEntropy, target: "y", weight: 0.5),
            ]))
      }
    }
  }()

  @Test(arguments: sequenceCases) func gradientsOverSequences(_ subject: Case) throws {
    let bench = try Bench(subject.configuration, Self.sequences, capacity: 7)
    FiniteDifference.disturb(bench.store)
    bench.train()
    let first = bench.gradientValues
    FiniteDifference.check(
      bench.model.layout, bench.store.base, analytic: first.map(Double.init)
    ) { bench.train() }
    for field in 0..<2 {
      let scalars = Self.sequences[field].scalarsPerUnit
      let end = 7 * Self.sequences[field].scalarsPerSample
      for index in bench.microbatch.units(field) * scalars..<end {
        bench.microbatch.floats(field)[index] = .nan
      }
    }
    bench.train()
    #expect(first == bench.gradientValues && first.allSatisfy { $0.isFinite })
  }

  /// A sample alone gives what it gives among others, whatever it lacks.
  @Test(arguments: sequenceCases) func neighboursDoNotMatter(_ subject: Case) throws {
    let together = try Bench(subject.configuration, Self.sequences, capacity: 7)
    together.evaluate()
    let all = together.output()
    let source = together.microbatch
    for sample in 0..<7 {
      let alone = try Bench(subject.configuration, Self.sequences, capacity: 7, count: 1)
      for field in 0..<2 {
        let (start, end) = (source.offsets(field)[sample], source.offsets(field)[sample + 1])
        let width = Self.sequences[field].scalarsPerUnit
        alone.microbatch.floats(field)
          .update(from: source.floats(field) + start * width, count: (end - start) * width)
        alone.microbatch.presence(field)[0] = source.presence(field)[sample]
        alone.microbatch.offsets(field)[0] = 0
        alone.microbatch.offsets(field)[1] = end - start
      }
      alone.microbatch.floats(2).update(from: source.floats(2) + sample * 12, count: 12)
      alone.evaluate()
      let own = all[sample * 3..<sample * 3 + 3]
      #expect(zip(alone.output(), own).allSatisfy { abs($0 - $1) < 1e-5 })
    }
  }
}
