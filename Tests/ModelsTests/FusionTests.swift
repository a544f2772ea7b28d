import Configuration
import Foundation
import Models
import Tensors
import TestSupport
import Testing

/// Ways to join modalities, with samples that lack some.
@Suite struct FusionTests {
  /// One image that may be missing, a table that may be missing, and a table that is always there.
  static let fields = [
    MicrobatchField(name: "a", sampleShape: [3, 3, 2], element: .float, isOptional: true),
    MicrobatchField(name: "b", sampleShape: [4], element: .float, isOptional: true),
    values("c", [5]), labels("y", classes: 3),
  ]

  /// Three encoders of `widths` outputs, and a head on the fusion.
  static func network(
    _ fusion: FusionConfiguration, widths: [Int] = [3, 3, 3],
    missing: MissingConfiguration = MissingConfiguration(), auxiliary: Bool = false,
    layers: [LayerConfiguration] = [linear(3)]
  ) -> ModelConfiguration {
    var heads = [
      HeadConfiguration(name: "y", layers: layers, loss: plainCrossEntropy, target: "y")
    ]
    if auxiliary {
      for name in ["a", "c"] {
        heads.append(
          HeadConfiguration(
            name: "only-\(name)", source: name, layers: [.activation(.tanh), linear(3)],
            loss: plainCrossEntropy, target: "y", weight: 0.4))
      }
    }
    return ModelConfiguration(
      modalities: [
        ModalityConfiguration(
          name: "a", field: "a", encoder: [conv(2, 2), norm, .flatten, linear(widths[0])]),
        ModalityConfiguration(name: "b", field: "b", encoder: [linear(widths[1])]),
        ModalityConfiguration(name: "c", field: "c", encoder: [linear(widths[2])]),
      ], fusion: fusion, missing: missing, heads: heads)
  }

  static let dropping = MissingConfiguration(
    drop: [.init(modality: "a", rate: 0.3), .init(modality: "c", rate: 0.5)])
  static let learning = MissingConfiguration(
    drop: [.init(modality: "b", rate: 0.4), .init(modality: "c", rate: 0.3)],
    substitute: .learned)

  /// A fusion with everything that may go with it.
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let configuration: ModelConfiguration
    var testDescription: String { name }
  }

  static let cases: [Case] = {
    let bare: [(String, FusionConfiguration, [LayerConfiguration])] = [
      ("concat", .concat, [linear(3)]), ("sum", .sum, [linear(3)]), ("mean", .mean, [linear(3)]),
      ("gated", .gated(out: 4), [.activation(.relu), linear(3)]),
      ("lowRank", .lowRank(rank: 2, out: 4), [linear(3)]), ("tensor", .tensor, [linear(3)]),
      ("late product", .lateProduct(prior: [0.5, 0.3, 0.2]), []),
    ]
    return bare.flatMap { name, fusion, layers in
      var cases = [
        Case(name: name, configuration: network(fusion, layers: layers)),
        Case(
          name: "\(name), dropping, with heads of one modality",
          configuration: network(fusion, missing: dropping, auxiliary: true, layers: layers)),
      ]
      if name != "late product" {
        cases.append(
          Case(
            name: "\(name), learned substitutes",
            configuration: network(fusion, missing: learning, auxiliary: true, layers: layers)))
      }
      return cases
    }
  }()

  /// The same for tests that take any network.
  static var differenceCases: [FiniteDifferenceTests.Case] {
    cases.map { .init(name: $0.name, configuration: $0.configuration, fields: fields) }
      + sequenceCases.map {
        .init(name: $0.name, configuration: $0.configuration, fields: sequences)
      }
  }

  @Test(arguments: cases) func gradientsAreThoseOfTheForwardPass(_ subject: Case) throws {
    let bench = try Bench(subject.configuration, Self.fields, capacity: 7)
    FiniteDifference.disturb(bench.store)
    bench.train()
    FiniteDifference.check(
      bench.model.layout, bench.store.base, analytic: bench.gradientValues.map(Double.init)
    ) { bench.train() }
  }

  /// What stands behind the present samples of an optional field is never read.
  @Test(arguments: cases) func absentSamplesLeaveNoTrace(_ subject: Case) throws {
    let bench = try Bench(subject.configuration, Self.fields, capacity: 7)
    bench.train()
    let first = bench.gradientValues
    for field in 0..<2 {
      let scalars = Self.fields[field].scalarsPerUnit
      for index in bench.microbatch.units(field) * scalars..<7 * scalars {
        bench.microbatch.floats(field)[index] = .nan
      }
    }
    bench.train()
    #expect(first == bench.gradientValues)
    #expect(first.allSatisfy { $0.isFinite })
  }

  /// A batch in which nobody has anything but c, and one in which nobody has anything at all.
  @Test(arguments: cases) func wholeBatchesMayLackModalities(_ subject: Case) throws {
    let bench = try Bench(subject.configuration, Self.fields, capacity: 7)
    for field in 0..<2 {
      bench.microbatch.presence(field).update(repeating: 0, count: 7)
      bench.microbatch.offsets(field).update(repeating: 0, count: 8)
    }
    bench.normalizers = bench.model.heads.indices.map {
      bench.model.normalizerContribution(head: $0, bench.microbatch, step: 4)
    }
    bench.train()
    #expect(bench.gradientValues.allSatisfy { $0.isFinite })
    for slot in bench.model.layout.slots
    where slot.name.hasPrefix("modalities.a.") && slot.role == .trainable {
      #expect(bench.gradientValues[slot.range].allSatisfy { $0 == 0 }, "\(slot.name)")
    }
  }

  @Test(arguments: cases) func nobodyMayHaveAnything(_ subject: Case) throws {
    let model = try Model(
      subject.configuration, fields: Self.fields, capacity: 7, seed: 11, selectable: true)
    let bench = try Bench(subject.configuration, Self.fields, capacity: 7)
    model.select([])
    model.evaluate(bench.microbatch, UnsafePointer(bench.store.base))
    let outputs = UnsafeBufferPointer(start: model.output(ofHead: 0), count: 7 * 3)
    #expect(outputs.allSatisfy { $0.isFinite })
    // Only what stands for the modalities is left, so all samples are alike.
    #expect((0..<21).allSatisfy { abs(outputs[$0] - outputs[$0 % 3]) < 1e-5 })
  }

  /// The evaluation of a subset is that of a batch whose samples lack the other modalities.
  @Test(arguments: cases) func subsetsAreMissingModalities(_ subject: Case) throws {
    let bench = try Bench(subject.configuration, Self.fields, capacity: 7)
    let model = try Model(
      subject.configuration, fields: Self.fields, capacity: 7, seed: 11, selectable: true)
    #expect(model.layout == bench.model.layout)
    model.evaluate(bench.microbatch, UnsafePointer(bench.store.base))
    bench.evaluate()
    let whole = Array(UnsafeBufferPointer(start: model.output(ofHead: 0), count: 21))
    #expect(whole == bench.output())
    model.select(["b", "c"])
    model.evaluate(bench.microbatch, UnsafePointer(bench.store.base))
    let subset = Array(UnsafeBufferPointer(start: model.output(ofHead: 0), count: 21))
    bench.microbatch.presence(0).update(repeating: 0, count: 7)
    bench.microbatch.offsets(0).update(repeating: 0, count: 8)
    bench.evaluate()
    #expect(subset == bench.output())
    #expect(subset != whole)
  }

  // MARK: Formulas

  /// A product of rank 2 is the contraction of the explicit tensor Σ_r ⊗_m w_m^r.
  @Test func lowRankIsAContractionOfTheFullTensor() throws {
    let lowRank = Self.network(.lowRank(rank: 2, out: 4), layers: [])
    let bench = try Bench(
      lowRank, Array(Self.fields.dropLast()) + [labels("y", classes: 4)], capacity: 7)
    FiniteDifference.disturb(bench.store)
    let tensor = try Bench(
      Self.network(.tensor, layers: []),
      Array(Self.fields.dropLast()) + [labels("y", classes: 64)], capacity: 7)
    for slot in tensor.model.layout.slots {
      let own = try #require(bench.model.layout.slots.first { $0.name == slot.name })
      for index in 0..<slot.count { tensor.store[slot][index] = bench.store[own][index] }
    }
    bench.evaluate()
    tensor.evaluate()
    func factor(_ name: String, _ row: Int, _ column: Int) throws -> Double {
      let key = column < 3 ? "weight" : "bias"
      let slot = try #require(
        bench.model.layout.slots.first { $0.name == "fusion.\(name).\(key)" })
      return Double(bench.store[slot][column < 3 ? row * 3 + column : row])
    }
    let bias = try #require(bench.model.layout.slots.first { $0.name == "fusion.bias" })
    let product = tensor.output()
    for sample in 0..<7 {
      for output in 0..<4 {
        var z = Double(bench.store[bias][output])
        for place in 0..<64 {
          var weight = 0.0
          for rank in 0..<2 {
            let row = rank * 4 + output
            weight +=
              try factor("a", row, place / 16) * factor("b", row, place / 4 % 4)
              * factor("c", row, place % 4)
          }
          z += weight * Double(product[sample * 64 + place])
        }
        #expect(abs(z - Double(bench.output()[sample * 4 + output])) < 1e-4)
      }
    }
  }

  @Test func samplesKeepSomething() throws {
    let everything = MissingConfiguration(
      drop: ["a", "b", "c"].map { .init(modality: $0, rate: 0.99) })
    let configuration = Self.network(.concat, missing: everything, auxiliary: true)
    let fields = [values("a", [3, 3, 2]), values("b", [4]), values("c", [5]), Self.fields[3]]
    let model = try Model(configuration, fields: fields, capacity: 200, seed: 3)
    let microbatch = Microbatch(capacity: 200, fields: fields)
    microbatch.count = 200
    Bench.fill(microbatch)
    let alone = (0..<50).map { step in
      (1...2).map { model.normalizerContribution(head: $0, microbatch, step: step) }
    }
    // With three equal rates each modality is the last one of a third of the samples.
    let share = alone.map { $0[0] + $0[1] }.reduce(0, +) / 10_000
    #expect(abs(share - 2.0 / 3) < 0.03, "\(share)")
    #expect(alone[0] != alone[1])
    #expect(model.normalizerContribution(head: 0, microbatch, step: 1) == 200)
    #expect(model.normalizerContribution(head: 1, microbatch) == 200)
  }

  /// What is left out depends on sample number and step, not on the place in the batch.
  @Test func drawsFollowTheSample() throws {
    let configuration = Self.network(.concat, missing: Self.dropping, auxiliary: true)
    let fields = [values("a", [3, 3, 2]), values("b", [4]), values("c", [5]), Self.fields[3]]
    let model = try Model(configuration, fields: fields, capacity: 40, seed: 3)
    func counts(_ numbers: [Int]) -> Double {
      let microbatch = Microbatch(capacity: 40, fields: fields)
      microbatch.count = numbers.count
      for (index, number) in numbers.enumerated() {
        microbatch.sampleNumbers[index] = Int64(number)
      }
      return model.normalizerContribution(head: 1, microbatch, step: 9)
    }
    let whole = counts(Array(0..<40))
    #expect(whole == counts(Array((0..<40).reversed())))
    #expect(whole == counts(Array(0..<13)) + counts(Array(13..<40)))
    #expect(whole > 15 && whole < 38)
  }

  // MARK: PyTorch

  private static let script = """
    import sys, numpy as np, torch
    kind, path = sys.argv[1:]
    f = np.fromfile(path, np.float32)
    place = 0
    def take(*shape):
        global place
        n = int(np.prod(shape)); place += n
        return torch.tensor(f[place - n:place].reshape(shape), dtype=torch.float64, requires_grad=True)
    xs = [take(7, 4), take(7, 3), take(7, 5)]
    widths = [4, 3, 5]
    if kind == "gated":
        ws = [(take(4, w), take(4, 12)) for w in widths]
        joined = torch.cat(xs, 1)
        h = torch.stack([torch.tanh(x @ w.T) for x, (w, v) in zip(xs, ws)])
        g = torch.softmax(torch.stack([joined @ v.T for w, v in ws]), 0)
        z, leaves = (g * h).sum(0), [t for pair in ws for t in pair]
    elif kind == "lowRank":
        ws = [(take(8, w), take(8)) for w in widths]; b = take(4)
        p = torch.ones(7, 8, dtype=torch.float64)
        for x, (w, c) in zip(xs, ws): p = p * (x @ w.T + c)
        z, leaves = p.reshape(7, 2, 4).sum(1) + b, [t for pair in ws for t in pair] + [b]
    else:
        one = torch.ones(7, 1, dtype=torch.float64)
        u = [torch.cat([x, one], 1) for x in xs]
        z, leaves = torch.einsum("ni,nj,nk->nijk", *u).reshape(7, -1), []
    target = torch.tensor(f[place:place + z.numel()].reshape(z.shape), dtype=torch.float64)
    loss = torch.nn.functional.mse_loss(z, target)
    loss.backward()
    out = [loss.detach().reshape(1)] + [t.grad.reshape(-1) for t in leaves]
    print(" ".join(repr(float(v)) for t in out for v in t))
    """

  /// Loss and all gradients of slots, in double precision there; inputs are passed on as they are.
  @Test(
    .enabled(if: Python.has("torch", "numpy"), "torch is missing"),
    arguments: ["gated", "lowRank", "tensor"])
  func pyTorchAgrees(kind: String) throws {
    let fusions: [String: FusionConfiguration] = [
      "gated": .gated(out: 4), "lowRank": .lowRank(rank: 2, out: 4), "tensor": .tensor,
    ]
    let widths = [4, 3, 5]
    let outputs = kind == "tensor" ? 5 * 4 * 6 : 4
    let fields = zip(["a", "b", "c"], widths).map { values($0, [$1]) } + [values("y", [outputs])]
    let configuration = ModelConfiguration(
      modalities: ["a", "b", "c"].map {
        ModalityConfiguration(name: $0, field: $0, encoder: [])
      }, fusion: try #require(fusions[kind]),
      heads: [HeadConfiguration(name: "y", layers: [], loss: .meanSquaredError, target: "y")])
    let bench = try Bench(configuration, fields, capacity: 7)
    FiniteDifference.disturb(bench.store)
    let loss = bench.train()
    var data: [Float] = []
    for field in 0..<3 {
      data += UnsafeBufferPointer(start: bench.microbatch.floats(field), count: 7 * widths[field])
    }
    data += bench.store.all
    data += UnsafeBufferPointer(start: bench.microbatch.floats(3), count: 7 * outputs)
    try withTemporaryFolder { folder in
      let path = folder.file("data")
      try data.withUnsafeBytes { Data($0) }.write(to: URL(filePath: path))
      let theirs = try Python.run(Self.script, [kind, path]).split(whereSeparator: \.isWhitespace)
        .compactMap { Double($0) }
      let ours = [loss] + bench.gradientValues.map(Double.init)
      #expect(theirs.count == ours.count)
      for (own, other) in zip(ours, theirs) {
        #expect(abs(own - other) < 2e-5 * max(1, abs(other)))
      }
    }
  }
}
