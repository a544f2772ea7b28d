import Configuration
import Foundation
import Models
import Parameters
import Tensors
import TestSupport
import Testing

/// Recurrent layers and transcription in a model.
@Suite struct RecurrentTests {
  /// Up to 9 steps of 4 values, with values for each step to hit, and up to 3 of 5 ids.
  static let fields = [
    MicrobatchField(name: "x", sampleShape: [4], element: .float, longest: 9),
    MicrobatchField(name: "y", sampleShape: [2], element: .float, longest: 9),
    MicrobatchField(name: "ids", sampleShape: [], element: .integer, classes: 5, longest: 3),
  ]

  static func stepwise(_ encoder: [LayerConfiguration]) -> ModelConfiguration {
    ModelConfiguration(
      modalities: [ModalityConfiguration(name: "x", field: "x", encoder: encoder)],
      heads: [
        HeadConfiguration(
          name: "y", layers: [linear(2)], loss: .meanSquaredError, target: "y")
      ])
  }

  static func reading(_ encoder: [LayerConfiguration], blank: Int) -> ModelConfiguration {
    ModelConfiguration(
      modalities: [ModalityConfiguration(name: "x", field: "x", encoder: encoder)],
      heads: [
        HeadConfiguration(
          name: "text", layers: [linear(6)], loss: .ctc(blank: blank), target: "ids")
      ])
  }

  static func stack(
    _ cell: RecurrentConfiguration.Cell, _ hidden: Int, layers: Int = 1,
    bidirectional: Bool = false, dropout: Double = 0
  ) -> LayerConfiguration {
    .recurrent(
      RecurrentConfiguration(
        cell: cell, hidden: hidden, layers: layers, bidirectional: bidirectional,
        dropout: dropout))
  }

  /// Cases for ``FiniteDifferenceTests``.
  static let cases: [FiniteDifferenceTests.Case] = [
    ("lstm", stepwise([stack(.lstm, 5)])),
    ("lstm behind a layer", stepwise([linear(3), stack(.lstm, 4, bidirectional: true)])),
    (
      "stacked gru",
      stepwise([
        linear(5), stack(.gru(.resetAfter), 3, layers: 3, bidirectional: true, dropout: 0.3),
      ])
    ),
    (
      "stacked original gru",
      stepwise([linear(5), stack(.gru(.original), 4, layers: 2, dropout: 0.2)])
    ),
    ("dropout of a gru", stepwise([linear(4), stack(.gru(.resetAfter), 4), .dropout(rate: 0.4)])),
    ("tanh of an lstm", stepwise([linear(4), stack(.lstm, 4), .activation(.tanh)])),
    ("ctc", reading([stack(.gru(.resetAfter), 5)], blank: 0)),
    ("ctc with the last class as blank", reading([linear(5), .activation(.tanh)], blank: 5)),
  ].map { FiniteDifferenceTests.Case(name: $0.0, configuration: $0.1, fields: fields) }

  @Test func gradientsAreThoseOfTheForwardPass() throws {
    for subject in Self.cases {
      let bench = try Bench(subject.configuration, subject.fields, capacity: 8)
      FiniteDifference.disturb(bench.store)
      bench.train()
      FiniteDifference.check(
        bench.model.layout, bench.store.base, analytic: bench.gradientValues.map(Double.init)
      ) { bench.train() }
    }
  }

  private static let script = """
    import sys, json, torch
    torch.set_default_dtype(torch.float64)
    case = json.load(open(sys.argv[1]))
    kind, lengths = case['kind'], case['lengths']
    slots = {k: torch.tensor(v) for k, v in case['slots'].items()}
    net = getattr(torch.nn, kind)(4, case['hidden'], num_layers=2, bidirectional=True)
    names = [('weight_ih_l', 'inputWeight'), ('weight_hh_l', 'hiddenWeight'),
             ('bias_ih_l', 'inputBias'), ('bias_hh_l', 'hiddenBias')]
    def ours(name):
        for theirs, own in names:
            if name.startswith(theirs):
                return 'modalities.x.0.' + own + name[len(theirs):].replace('_reverse', 'Reversed')
    with torch.no_grad():
        for name, p in net.named_parameters(): p.copy_(slots[ours(name)].reshape(p.shape))
    last = torch.nn.Linear(2 * case['hidden'], 6)
    with torch.no_grad():
        last.weight.copy_(slots['heads.text.0.weight'].reshape(last.weight.shape))
        last.bias.copy_(slots['heads.text.0.bias'])
    # An empty sequence is none for PyTorch; it adds nothing to any gradient.
    x = torch.tensor(case['x']).reshape(-1, 4)
    parts = torch.split(x, lengths)
    some = [i for i, n in enumerate(lengths) if n > 0]
    packed = torch.nn.utils.rnn.pack_sequence([parts[i] for i in some], enforce_sorted=False)
    y, _ = torch.nn.utils.rnn.pad_packed_sequence(net(packed)[0])
    logits = last(y)
    ids = [case['ids'][i] for i in some]
    loss = torch.nn.functional.ctc_loss(
        logits.log_softmax(2), torch.tensor([k + 1 for l in ids for k in l], dtype=torch.long),
        torch.tensor([lengths[i] for i in some]), torch.tensor([len(l) for l in ids]), blank=0,
        reduction='sum', zero_infinity=True)
    (loss / len(lengths)).backward()
    out = torch.cat([logits[:lengths[i], k] for k, i in enumerate(some)])
    result = {'outputs': out.reshape(-1).tolist(), 'loss': [loss.item()]}
    for name, p in net.named_parameters(): result[ours(name)] = p.grad.reshape(-1).tolist()
    result['heads.text.0.weight'] = last.weight.grad.reshape(-1).tolist()
    result['heads.text.0.bias'] = last.bias.grad.reshape(-1).tolist()
    print(json.dumps(result))
    """

  /// What the script is told.
  private struct Case: Encodable {
    let kind: String
    let hidden: Int
    let lengths: [Int]
    let x: [Float]
    let ids: [[Int64]]
    let slots: [String: [Float]]
  }

  /// Two bidirectional layers and a transcription: outputs, loss and the gradient of every slot.
  @Test(.enabled(if: Python.has("torch"), "torch is missing"), arguments: ["LSTM", "GRU"])
  func agreesWithPyTorch(kind: String) throws {
    let cell: RecurrentConfiguration.Cell = kind == "LSTM" ? .lstm : .gru(.resetAfter)
    let bench = try Bench(
      Self.reading([Self.stack(cell, 6, layers: 2, bidirectional: true)], blank: 0), Self.fields,
      capacity: 12)
    FiniteDifference.disturb(bench.store)
    let (steps, ends) = (bench.microbatch.offsets(0), bench.microbatch.offsets(2))
    let folder = try TemporaryFolder()
    let file = folder.file("case.json")
    var slots: [String: [Float]] = [:]
    for slot in bench.model.layout.slots { slots[slot.name] = Array(bench.store[slot]) }
    let told = Case(
      kind: kind, hidden: 6, lengths: (0..<12).map { steps[$0 + 1] - steps[$0] },
      x: (0..<4 * steps[12]).map { bench.microbatch.floats(0)[$0] },
      ids: (0..<12).map { i in (ends[i]..<ends[i + 1]).map { bench.microbatch.integers(2)[$0] } },
      slots: slots)
    try JSONEncoder().encode(told).write(to: URL(filePath: file))
    let recorded = try JSONDecoder().decode(
      [String: [Double]].self, from: Data(try Python.run(Self.script, [file]).utf8))

    bench.evaluate()
    #expect(Golden.isClose(bench.output().map(Double.init), try #require(recorded["outputs"])))
    bench.gradients.values.all.update(repeating: .nan)
    bench.train()
    #expect(Golden.isClose([bench.model.losses[0]], try #require(recorded["loss"])))
    #expect(bench.normalizers == [12])
    for slot in bench.model.layout.slots {
      let wanted = try #require(recorded[slot.name], "\(slot.name)")
      #expect(
        Golden.isClose(bench.gradientValues[slot.range].map(Double.init), wanted), "\(slot.name)")
    }
    // Left out are those of fewer steps than ids, mostly; evaluation does not count as training.
    let short = zip(told.lengths, told.ids).filter { $0 < $1.count }.count
    let left = bench.model.infeasibleSequences(ofHead: 0)
    #expect(left.lastPass >= short && left.inTraining == left.lastPass)
    bench.train()
    #expect(bench.model.infeasibleSequences(ofHead: 0) == (left.lastPass, 2 * left.lastPass))
  }

  @Test func slotsHaveTheShapesOfPyTorch() throws {
    let model = try Model(
      Self.stepwise([Self.stack(.lstm, 3, layers: 2, bidirectional: true)]), fields: Self.fields,
      capacity: 2, seed: 1)
    let slots = model.layout.slots.filter { $0.name.hasPrefix("modalities.") }
    #expect(
      slots.map { "\($0.name.dropFirst("modalities.x.0.".count)) \($0.shape)" } == [
        "inputWeight0 [12, 4]", "hiddenWeight0 [12, 3]", "inputBias0 [12]", "hiddenBias0 [12]",
        "inputWeight0Reversed [12, 4]", "hiddenWeight0Reversed [12, 3]",
        "inputBias0Reversed [12]", "hiddenBias0Reversed [12]", "inputWeight1 [12, 6]",
        "hiddenWeight1 [12, 3]", "inputBias1 [12]", "hiddenBias1 [12]",
        "inputWeight1Reversed [12, 6]", "hiddenWeight1Reversed [12, 3]",
        "inputBias1Reversed [12]", "hiddenBias1Reversed [12]",
      ])
    let store = ParameterStore(model.layout)
    model.initialize(store)
    let bias = try #require(model.layout["modalities.x.0.inputBias1"])
    #expect(Array(store[bias]) == [0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    let weight = Array(store[try #require(model.layout["modalities.x.0.hiddenWeight0"])])
    for gate in 0..<4 {
      let row = weight[gate * 9..<gate * 9 + 3]
      #expect(abs(row.reduce(0) { $0 + $1 * $1 } - 1) < 1e-6)
    }
    #expect(model.layers[0].parameterCount == 2 * (12 * 9 + 12 * 11))
  }

  /// A sequence alone gives what it gives among others, also in the direction that begins at its end.
  @Test func neighboursDoNotMatter() throws {
    let configuration = Self.stepwise([
      Self.stack(.lstm, 5, layers: 2, bidirectional: true)
    ])
    let together = try Bench(configuration, Self.fields, capacity: 6)
    together.evaluate()
    let offsets = together.microbatch.offsets(0)
    let outputs = together.output()
    for sample in 0..<6 {
      let alone = try Bench(configuration, Self.fields, capacity: 6, count: 1)
      let (from, to) = (offsets[sample], offsets[sample + 1])
      alone.microbatch.floats(0).update(
        from: together.microbatch.floats(0) + from * 4, count: (to - from) * 4)
      for field in 0..<2 { alone.microbatch.offsets(field)[1] = to - from }
      alone.evaluate()
      #expect(zip(alone.output(), outputs[from * 2..<to * 2]).allSatisfy { abs($0 - $1) < 1e-6 })
      #expect(alone.output().count == 2 * (to - from))
    }
  }

  @Test func aTrainingStepAllocatesNothing() throws {
    let bench = try Bench(
      Self.reading(
        [Self.stack(.gru(.original), 5, layers: 2, bidirectional: true, dropout: 0.1)], blank: 0),
      Self.fields, capacity: 40)
    bench.train()
    #expect(AllocationProbe.sizesTouched { bench.train() } == [])
  }

  @Test func transcriptionsAreIds() throws {
    let bench = try Bench(Self.reading([], blank: 2), Self.fields, capacity: 5)
    // The logits are the inputs and two zeros: 4, 5 never win against a positive input.
    let weight = try #require(bench.model.layout["heads.text.0.weight"])
    for index in 0..<24 { bench.store[weight][index] = index % 4 == index / 4 ? 1 : 0 }
    let bias = try #require(bench.model.layout["heads.text.0.bias"])
    bench.store[bias].update(repeating: 0)
    let rows = bench.microbatch.offsets(0)
    for sample in 0...5 { rows[sample] = [0, 4, 4, 5, 9, 9][sample] }
    for (row, best) in [0, 0, 3, 1, 2, 3, 2, 3, 2].enumerated() {
      for channel in 0..<4 {
        bench.microbatch.floats(0)[row * 4 + channel] = channel == best ? 5 : -1
      }
    }
    bench.evaluate()
    #expect(
      bench.model.transcriptions(ofHead: 0, bench.microbatch) == [[0, 2, 1], [], [], [2, 2], []])
  }

  @Test(arguments: [
    ([linear(5)], 0, "expected 6 outputs, one for each id"), ([linear(6)], 6, "blank 6"),
    ([linear(6)], -1, "blank -1"),
  ])
  func wrongHeadsAreNamed(layers: [LayerConfiguration], blank: Int, message: String) throws {
    let configuration = ModelConfiguration(
      modalities: [ModalityConfiguration(name: "x", field: "x", encoder: [])],
      heads: [
        HeadConfiguration(name: "t", layers: layers, loss: .ctc(blank: blank), target: "ids")
      ])
    let error = #expect(throws: ModelError.self) {
      try Model(configuration, fields: Self.fields, capacity: 2, seed: 1)
    }
    #expect("\(try #require(error))".contains(message))
  }

  @Test func whatHasNoStepsIsRefused() throws {
    let image = [values("x", [3, 3, 2]), labels("y", classes: 3)]
    let recurrent = #expect(throws: ModelError.self) {
      try Model(network([Self.stack(.lstm, 3)]), fields: image, capacity: 2, seed: 1)
    }
    #expect("\(try #require(recurrent))".contains("lstm expected a sequence [T, C]"))
    let flat = ModelConfiguration(
      modalities: [ModalityConfiguration(name: "x", field: "x", encoder: [.flatten])],
      heads: [
        HeadConfiguration(name: "t", layers: [linear(6)], loss: .ctc(blank: 0), target: "ids")
      ])
    let error = #expect(throws: ModelError.self) {
      try Model(flat, fields: [image[0], Self.fields[2]], capacity: 2, seed: 1)
    }
    #expect("\(try #require(error))".contains("ctc expected outputs for each step"))
    let wrong = #expect(throws: ModelError.self) {
      try Model(
        Self.reading([], blank: 0),
        fields: [Self.fields[0], labels("ids", [3], classes: 5)], capacity: 2, seed: 1)
    }
    #expect("\(try #require(wrong))".contains("ctc expected a sequence of ids"))
  }
}
