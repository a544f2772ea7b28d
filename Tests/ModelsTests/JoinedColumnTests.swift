import Configuration
import Models
import Tensors
import Testing

/// Embeddings that write into the columns of a join, against the same behind a layer that changes nothing.
@Suite struct JoinedColumnTests {
  private static let fields = [
    labels("u", classes: 7), values("t", [6, 6, 4]), labels("v", classes: 9),
    labels("w", [2], classes: 5), labels("y", classes: 3),
  ]

  private static func network(
    copied: Bool, fusion: FusionConfiguration = .concat,
    missing: MissingConfiguration = MissingConfiguration(), alsoReads: String? = nil
  ) -> ModelConfiguration {
    let behind: [LayerConfiguration] = copied ? [.dropout(rate: 0)] : []
    func embedding(_ rows: Int, lazily: Bool = false) -> [LayerConfiguration] {
      [.embedding(vocabulary: rows, size: 6, rows: lazily ? .lazy : .dense)] + behind
    }
    var heads = [
      HeadConfiguration(name: "y", layers: [linear(3)], loss: plainCrossEntropy, target: "y")
    ]
    if let alsoReads {
      heads.append(
        HeadConfiguration(
          name: "other", source: alsoReads, layers: [.activation(.tanh), linear(3)],
          loss: plainCrossEntropy, target: "y", weight: 0.4))
    }
    return ModelConfiguration(
      modalities: [
        ModalityConfiguration(name: "u", field: "u", encoder: embedding(7)),
        // Its first layer's memory is free again before the join begins.
        ModalityConfiguration(
          name: "t", field: "t",
          encoder: [.averagePool(window(1)), .averagePool(window(2)), .flatten, linear(6)]),
        ModalityConfiguration(name: "v", field: "v", encoder: embedding(9, lazily: true)),
        // Two rows a sample are no columns of their own.
        ModalityConfiguration(
          name: "w", field: "w",
          encoder: [.embedding(vocabulary: 5, size: 3)] + behind + [.flatten]),
      ], fusion: fusion, missing: missing, heads: heads)
  }

  private static let learned = MissingConfiguration(
    drop: [.init(modality: "u", rate: 0.4)], substitute: .learned)

  @Test(arguments: [
    (FusionConfiguration.concat, MissingConfiguration(), String?.none),
    (.concat, MissingConfiguration(), "u"), (.concat, MissingConfiguration(), "v"),
    (.concat, learned, nil), (.gated(out: 4), MissingConfiguration(), nil),
    (.sum, learned, "v"),
  ])
  func passesAreThose(
    fusion: FusionConfiguration, missing: MissingConfiguration, alsoReads: String?
  ) throws {
    let benches = try [false, true].map { copied in
      try Bench(
        Self.network(copied: copied, fusion: fusion, missing: missing, alsoReads: alsoReads),
        Self.fields, capacity: 8, count: 7)
    }
    let (direct, copied) = (benches[0], benches[1])
    #expect(direct.train() == copied.train())
    #expect(direct.gradientValues == copied.gradientValues)
    let table = try #require(direct.model.layout["modalities.v.0.weight"])
    #expect(direct.gradientValues[table.range].contains { $0 != 0 })
    direct.evaluate()
    copied.evaluate()
    #expect(direct.output() == copied.output())
  }

  @Test func aRowThatIsNotFiniteIsNamedWithItsSamples() throws {
    let bench = try Bench(Self.network(copied: false), Self.fields, capacity: 8)
    let table = try #require(bench.model.layout["modalities.v.0.weight"])
    let ids = (0..<8).map { bench.microbatch.integers(2)[$0] }
    bench.store.base[table.offset + Int(ids[3]) * 6 + 5] = .nan
    bench.evaluate()
    let place = try #require(bench.model.firstNonFinite(bench.microbatch))
    #expect(place.name == "modalities.v.0")
    let samples = ids.indices.filter { ids[$0] == ids[3] }
    #expect(place.samples == samples.map { bench.microbatch.sampleNumbers[$0] })
    #expect(samples.count < 8)
  }
}
