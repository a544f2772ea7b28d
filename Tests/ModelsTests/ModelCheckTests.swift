import Configuration
import Models
import Parameters
import Tensors
import Testing

/// What a model says about bad numbers.
@Suite struct ModelCheckTests {
  private let fields = [
    values("x", [4]), labels("ids", [2], classes: 5), labels("y", classes: 3), values("z", [1]),
  ]

  private let configuration = ModelConfiguration(
    modalities: [
      ModalityConfiguration(name: "a", field: "x", encoder: [linear(4), .activation(.gelu)]),
      ModalityConfiguration(name: "b", field: "ids", encoder: [.embedding(vocabulary: 5, size: 2)]),
    ],
    heads: [
      HeadConfiguration(name: "k", layers: [linear(3)], loss: plainCrossEntropy, target: "y"),
      HeadConfiguration(name: "r", layers: [linear(1)], loss: .meanSquaredError, target: "z"),
    ])

  @Test func saysWhichSlotsAreTablesOfRows() throws {
    let layout = try Bench(configuration, fields, capacity: 4).model.layout
    #expect(layout.slots.filter(\.isTable).map(\.name) == ["modalities.b.0.weight"])
  }

  @Test func findsLabelsOutOfRange() throws {
    let bench = try Bench(configuration, fields, capacity: 4)
    #expect(bench.model.labelOutOfRange(bench.microbatch) == nil)
    bench.microbatch.integers(2)[1] = 3
    let label = try #require(bench.model.labelOutOfRange(bench.microbatch))
    #expect(label.description == "heads.k: sample 8 of field 'y' holds 3, expected 0 ..< 3")
    bench.microbatch.integers(2)[1] = 2
    bench.microbatch.integers(1)[5] = -1
    let id = try #require(bench.model.labelOutOfRange(bench.microbatch))
    #expect(
      id.description == "modalities.b.0: sample 11 of field 'ids' holds -1, expected 0 ..< 5")
    bench.microbatch.count = 2
    #expect(bench.model.labelOutOfRange(bench.microbatch) == nil)
  }

  @Test func binaryLabelsAreZeroOrOne() throws {
    let binary = network([linear(2)], outputs: 1, loss: .binaryCrossEntropy)
    let bench = try Bench(binary, [values("x", [3]), labels("y", classes: nil)], capacity: 2)
    bench.microbatch.integers(1)[0] = 2
    #expect(bench.model.labelOutOfRange(bench.microbatch)?.limit == 2)
  }

  @Test func namesTheFirstLayerThatIsNotFinite() throws {
    let bench = try Bench(configuration, fields, capacity: 4)
    bench.train()
    #expect(bench.model.firstNonFinite(bench.microbatch) == nil)
    #expect(bench.model.firstNonFiniteSlot(bench.gradients.values.base) == nil)

    let slot = try #require(bench.model.layout["modalities.b.0.weight"])
    bench.store[slot].update(repeating: .infinity)
    bench.evaluate()
    // All samples: none by itself is to blame.
    let numbers = (0..<4).map { bench.microbatch.sampleNumbers[$0] }
    #expect(bench.model.firstNonFinite(bench.microbatch)?.name == "modalities.b.0")
    #expect(bench.model.firstNonFinite(bench.microbatch)?.samples == numbers)
    #expect(bench.model.firstNonFiniteSlot(bench.store.base) == "modalities.b.0.weight")
    bench.model.initialize(bench.store)

    bench.microbatch.floats(3)[2] = .nan
    bench.evaluate()
    #expect(bench.model.firstNonFinite(bench.microbatch)?.name == "target z")
    #expect(bench.model.firstNonFinite(bench.microbatch)?.samples == [numbers[2]])

    bench.microbatch.floats(0)[1] = .nan
    bench.evaluate()
    let place = bench.model.firstNonFinite(bench.microbatch)
    #expect(place?.name == "input x" && place?.samples == [numbers[0]])
  }

  /// A layer whose memory another one got is not told for what that one wrote.
  @Test func namesNobodyForWhatLiesWhereItLay() throws {
    let layers: [LayerConfiguration] = [
      conv(4, 3, padding: 1), .averagePool(window(2)), conv(16, 1), conv(2, 1),
    ]
    let bench = try Bench(
      network(layers), [values("x", [8, 8, 2]), labels("y", classes: 3)], capacity: 4)
    let bias = try #require(bench.model.layout["modalities.x.2.bias"])
    bench.store[bias][0] = .nan
    bench.train()
    #expect(bench.model.firstNonFinite(bench.microbatch)?.name == "modalities.x.2")
  }

  @Test func predictsWithoutTargets() throws {
    let whole = try Bench(configuration, fields, capacity: 4)
    whole.evaluate()
    let inputs = Array(fields.prefix(2))
    let model = try Model(
      configuration, fields: inputs, capacity: 4, seed: 11, requireTargets: false)
    let microbatch = Microbatch(capacity: 4, fields: inputs)
    microbatch.count = 4
    Bench.fill(microbatch)
    model.evaluate(microbatch, UnsafePointer(whole.store.base))
    #expect(model.heads.map(\.targetIndex) == [nil, nil])
    #expect(model.heads.map(\.outputs) == [3, 1])
    #expect(
      Array(UnsafeBufferPointer(start: model.output(ofHead: 0), count: 12)) == whole.output(0))
    #expect(Array(UnsafeBufferPointer(start: model.output(ofHead: 1), count: 4)) == whole.output(1))
    #expect(model.losses[0] == 0 && model.losses[1] == 0)
    #expect(model.firstNonFinite(microbatch) == nil)
  }
}
