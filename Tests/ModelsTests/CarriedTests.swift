import Buffers
import Configuration
import Foundation
import Models
import Parameters
import Tensors
import TestSupport
import Testing

/// Recurrent states that go on where the batch before ended.
@Suite struct CarriedTests {
  /// Up to 9 steps of 4 values, with values for each step to hit.
  private static let fields = Array(RecurrentTests.fields[..<2])
  private static let samples = 7
  private static let hidden = 6

  private static func stack(
    _ cell: RecurrentConfiguration.Cell, layers: Int = 2, dropout: Double = 0, carries: Bool = true
  ) -> ModelConfiguration {
    RecurrentTests.stepwise([
      .recurrent(
        RecurrentConfiguration(
          cell: cell, hidden: hidden, layers: layers, dropout: dropout, carries: carries))
    ])
  }

  /// States for all samples in two halves, the first of them drawn.
  private final class Rows {
    let values: HostBuffer<Float>
    let size: Int

    init(_ model: Model, drawn: Bool = true) {
      size = CarriedTests.samples * model.carriedWidth
      values = HostBuffer(count: 2 * size)
      let random = CounterRandom(seed: 8, purpose: .synthesis)
      for index in 0..<(drawn ? size : 0) { values[index] = 0.5 * random.normal(at: index) }
    }

    /// Lends the states to a pass; the rows live until it is over.
    @discardableResult func lend<Result>(
      inPlace: Bool = false, _ pass: (CarriedState) throws -> Result
    ) rethrows -> Result {
      try withExtendedLifetime(self) {
        try pass(CarriedState(before: values.base, after: values.base + (inPlace ? 0 : size)))
      }
    }

    var before: [Float] { Array(values.all[..<size]) }
    var after: [Float] { Array(values.all[size...]) }

    /// Lets the next pass begin with what the last one ended with.
    func advance() { values.base.update(from: values.base + size, count: size) }
  }

  /// Fills the microbatch with other lengths and values for each window; some samples are empty in it.
  private static func fill(_ bench: Bench, window: Int) {
    let random = CounterRandom(seed: 21, purpose: .synthesis, stream: UInt32(window))
    var end = 0
    for sample in 0..<samples {
      end += (sample + window) % 3 == 0 ? 0 : 1 + Int(random.bits(at: sample)) % 9
      for field in 0..<2 { bench.microbatch.offsets(field)[sample + 1] = end }
    }
    for field in 0..<2 {
      for place in 0..<end * bench.microbatch.fields[field].scalarsPerUnit {
        bench.microbatch.floats(field)[place] = random.normal(at: 1000 * (field + 1) + place)
      }
    }
    bench.normalizers = [bench.model.normalizerContribution(head: 0, bench.microbatch, step: 4)]
  }

  private static let script = """
    import sys, json, torch
    torch.set_default_dtype(torch.float64)
    case = json.load(open(sys.argv[1]))
    kind, H = case['kind'], case['hidden']
    slots = {k: torch.tensor(v) for k, v in case['slots'].items()}
    net = getattr(torch.nn, kind)(4, H, num_layers=2)
    last = torch.nn.Linear(H, 2)
    names = {'weight_ih_l': 'inputWeight', 'weight_hh_l': 'hiddenWeight',
             'bias_ih_l': 'inputBias', 'bias_hh_l': 'hiddenBias'}
    ours = lambda name: 'modalities.x.0.' + names[name[:-1]] + name[-1]
    places = [(p, ours(n)) for n, p in net.named_parameters()]
    places += [(last.weight, 'heads.y.0.weight'), (last.bias, 'heads.y.0.bias')]
    with torch.no_grad():
        for p, name in places: p.copy_(slots[name].reshape(p.shape))
    n = len(case['windows'][0]['lengths'])
    h, c = torch.zeros(2, n, H), torch.zeros(2, n, H)
    results = []
    for window in case['windows']:
        lengths = window['lengths']
        parts = torch.split(torch.tensor(window['x']).reshape(-1, 4), lengths)
        targets = torch.tensor(window['y']).reshape(-1, 2)
        some = [i for i, k in enumerate(lengths) if k > 0]
        packed = torch.nn.utils.rnn.pack_sequence([parts[i] for i in some], enforce_sorted=False)
        start = (h[:, some], c[:, some]) if kind == 'LSTM' else h[:, some]
        out, end = net(packed, start)
        y, _ = torch.nn.utils.rnn.pad_packed_sequence(out)
        y = last(torch.cat([y[:lengths[i], k] for k, i in enumerate(some)]))
        loss = ((y - targets) ** 2).mean(1).sum()
        for p, _ in places: p.grad = None
        (loss / len(y)).backward()
        # The state goes on, the gradient does not. A sample without steps keeps what it has.
        h, c = h.clone(), c.clone()
        h[:, some] = (end[0] if kind == 'LSTM' else end).detach()
        if kind == 'LSTM': c[:, some] = end[1].detach()
        levels = [[h[l], c[l]] if kind == 'LSTM' else [h[l]] for l in range(2)]
        state = torch.cat([s for level in levels for s in level], 1)
        result = {name: p.grad.reshape(-1).tolist() for p, name in places}
        result['loss'], result['state'] = [loss.item()], state.reshape(-1).tolist()
        results.append(result)
    print(json.dumps(results))
    """

  /// What the script is told.
  private struct Case: Encodable {
    struct Window: Encodable {
      let lengths: [Int]
      let x: [Float]
      let y: [Float]
    }
    let kind: String
    let hidden: Int
    let windows: [Window]
    let slots: [String: [Float]]
  }

  /// Three windows one after the other: loss, states and the gradient of every slot.
  @Test(.enabled(if: Python.has("torch"), "torch is missing"), arguments: ["LSTM", "GRU"])
  func agreesWithPyTorchOverThreeWindows(kind: String) throws {
    let cell: RecurrentConfiguration.Cell = kind == "LSTM" ? .lstm : .gru(.resetAfter)
    let bench = try Bench(Self.stack(cell), Self.fields, capacity: Self.samples)
    FiniteDifference.disturb(bench.store)
    var slots: [String: [Float]] = [:]
    for slot in bench.model.layout.slots { slots[slot.name] = Array(bench.store[slot]) }
    let windows = (0..<3).map { window in
      Self.fill(bench, window: window)
      let ends = bench.microbatch.offsets(0)
      return Case.Window(
        lengths: (0..<Self.samples).map { ends[$0 + 1] - ends[$0] },
        x: (0..<4 * ends[Self.samples]).map { bench.microbatch.floats(0)[$0] },
        y: (0..<2 * ends[Self.samples]).map { bench.microbatch.floats(1)[$0] })
    }
    let folder = try TemporaryFolder()
    let file = folder.file("case.json")
    try JSONEncoder().encode(
      Case(kind: kind, hidden: Self.hidden, windows: windows, slots: slots)
    ).write(to: URL(filePath: file))
    let recorded = try JSONDecoder().decode(
      [[String: [Double]]].self, from: Data(try Python.run(Self.script, [file]).utf8))
    let rows = Rows(bench.model, drawn: false)
    for (window, wanted) in recorded.enumerated() {
      Self.fill(bench, window: window)
      bench.gradients.values.all.update(repeating: .nan)
      rows.lend { bench.train(carried: $0) }
      #expect(Golden.isClose([bench.model.losses[0]], try #require(wanted["loss"])))
      #expect(Golden.isClose(rows.after.map(Double.init), try #require(wanted["state"])))
      for slot in bench.model.layout.slots {
        #expect(
          Golden.isClose(
            bench.gradientValues[slot.range].map(Double.init), try #require(wanted[slot.name])),
          "window \(window), \(slot.name)")
      }
      rows.advance()
    }
  }

  private static let cells: [RecurrentConfiguration.Cell] = [
    .lstm, .gru(.resetAfter), .gru(.original),
  ]

  /// The initial states are constants of the pass, and the gradient is that of the pass that begins with them.
  @Test(arguments: cells) func gradientsAreThoseOfTheForwardPass(
    cell: RecurrentConfiguration.Cell
  ) throws {
    let bench = try Bench(
      Self.stack(cell, dropout: 0.2), Self.fields, capacity: Self.samples)
    FiniteDifference.disturb(bench.store)
    let rows = Rows(bench.model)
    rows.lend { bench.train(carried: $0) }
    FiniteDifference.check(
      bench.model.layout, bench.store.base, analytic: bench.gradientValues.map(Double.init)
    ) { rows.lend { bench.train(carried: $0) } }
  }

  /// Two windows with the state between them are one long window.
  @Test(arguments: cells) func aWindowCutInTwoGivesTheSameOutputs(
    cell: RecurrentConfiguration.Cell
  ) throws {
    let fields = [values("x", [8, 4]), values("y", [8, 2])]
    let halves = [values("x", [4, 4]), values("y", [4, 2])]
    let whole = try Bench(Self.stack(cell), fields, capacity: Self.samples)
    let half = try Bench(Self.stack(cell), halves, capacity: Self.samples)
    half.store.base.update(from: whole.store.base, count: whole.model.layout.count)
    whole.evaluate()
    let rows = Rows(half.model, drawn: false)
    for part in 0..<2 {
      for sample in 0..<Self.samples {
        (half.microbatch.floats(0) + sample * 16).update(
          from: whole.microbatch.floats(0) + sample * 32 + part * 16, count: 16)
      }
      rows.lend(inPlace: true) { half.evaluate(carried: $0) }
      for sample in 0..<Self.samples {
        let wanted = whole.output()[sample * 16 + part * 8..<sample * 16 + part * 8 + 8]
        #expect(Array(half.output()[sample * 8..<sample * 8 + 8]) == Array(wanted))
      }
    }
  }

  @Test(arguments: cells) func evaluationInPlaceGivesTheSameStates(
    cell: RecurrentConfiguration.Cell
  ) throws {
    let bench = try Bench(Self.stack(cell), Self.fields, capacity: Self.samples)
    Self.fill(bench, window: 1)
    let rows = Rows(bench.model)
    let (begun, width) = (rows.before, bench.model.carriedWidth)
    #expect(width == (cell == .lstm ? 4 : 2) * Self.hidden)
    rows.lend { bench.evaluate(carried: $0) }
    let ended = rows.after
    #expect(rows.before == begun && ended != begun)
    // Samples 2 and 5 have no steps in this window.
    for sample in [2, 5] {
      let row = sample * width..<(sample + 1) * width
      #expect(ended[row] == begun[row])
    }
    rows.lend(inPlace: true) { bench.evaluate(carried: $0) }
    #expect(rows.before == ended)
  }

  @Test func withoutStatesALayerBeginsWithZeros() throws {
    let plain = try Bench(
      Self.stack(.lstm, carries: false), Self.fields, capacity: Self.samples)
    let bench = try Bench(Self.stack(.lstm), Self.fields, capacity: Self.samples)
    #expect(plain.model.carriedWidth == 0)
    let loss = plain.train()
    #expect(bench.train() == loss && bench.gradientValues == plain.gradientValues)
    let zeros = Rows(bench.model, drawn: false)
    #expect(zeros.lend { bench.train(carried: $0) } == loss)
    #expect(bench.gradientValues == plain.gradientValues)
    #expect(Rows(bench.model).lend { bench.train(carried: $0) } != loss)
  }

  @Test func aTrainingStepAllocatesNothing() throws {
    let bench = try Bench(
      Self.stack(.lstm, dropout: 0.1), Self.fields, capacity: Self.samples)
    let rows = Rows(bench.model)
    rows.lend { state in
      bench.train(carried: state)
      #expect(AllocationProbe.sizesTouched { bench.train(carried: state) } == [])
    }
  }

  @Test func aStateThatRunsBackwardIsNotCarried() throws {
    let layer = LayerConfiguration.recurrent(
      RecurrentConfiguration(cell: .lstm, hidden: 3, bidirectional: true, carries: true))
    let error = #expect(throws: ModelError.self) {
      try Model(RecurrentTests.stepwise([layer]), fields: Self.fields, capacity: 2, seed: 1)
    }
    #expect("\(try #require(error))".contains("one direction in a lstm that carries its state"))
  }
}
