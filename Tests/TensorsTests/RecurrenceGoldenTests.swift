import Foundation
import Tensors
import TestSupport
import Testing

@Suite("Recurrent layers against recorded values and PyTorch")
struct RecurrenceGoldenTests {
  /// `sin(i + 1 + shift)`, times a factor.
  static func fill(_ values: GuardedFloats, _ shift: Double, _ factor: Double = 1) {
    for index in 0..<values.count {
      values.base[index] = Float(factor * sin(Double(index) + 1 + shift))
    }
  }

  @Test(
    "Two steps give the recorded states in every build", arguments: [Recurrence.Cell.gru, .lstm])
  func twoSteps(cell: Recurrence.Cell) throws {
    let bench = RecurrentBench(Recurrence(cell: cell, inputs: 2, hidden: 3), lengths: [2])
    Self.fill(bench.input, 0)
    Self.fill(bench.hidden, 0.5)
    Self.fill(bench.inputBias, 0.25)
    Self.fill(bench.hiddenBias, 0.75)
    let x: [Float] = [0.1, -0.2, 0.2, -0.4]
    try onEachBuild { build in
      let y = GuardedFloats(6)
      let (hidden, cells) = (GuardedFloats(3), GuardedFloats(3))
      bench.forward(
        x, output: y.base, stride: 3,
        final: Recurrence.State(hidden: hidden.base, cell: cell == .lstm ? cells.base : nil))
      let wanted =
        cell == .gru
        ? [0.98363604, 0.70741162, 0.4464688] : [0.07391939, 0.14159025, 0.00682269]
      #expect(relativeDifference(hidden.array, wanted) <= 3e-7, "\(build)")
      #expect(Array(y.array[3...]) == hidden.array, "\(build)")
      guard cell == .lstm else { return }
      #expect(
        relativeDifference(cells.array, [0.87940909, 0.94709365, 0.01365389]) <= 3e-7, "\(build)")
    }
  }

  /// Two bidirectional layers over five samples, one row as their longest and one as their shortest.
  private static let lengths = [3, 7, 1, 7, 4]
  private static let script = """
    import sys, json, math, torch
    torch.set_default_dtype(torch.float64)
    kind, lengths = sys.argv[1], json.loads(sys.argv[2])
    I, H = 5, 6
    net = getattr(torch.nn, kind)(I, H, num_layers=2, bidirectional=True)
    def fill(n, shift, factor):
        v = [factor * math.sin(i + 1 + shift) for i in range(n)]
        return torch.tensor(v).float().double()
    shift = 0
    with torch.no_grad():
        for name, p in net.named_parameters():
            p.copy_(fill(p.numel(), shift, 0.6).reshape(p.shape)); shift += 0.3
    rows = sum(lengths)
    x = fill(rows * I, 0.1, 1).reshape(rows, I).requires_grad_()
    dy = fill(rows * 2 * H, 0.2, 1).reshape(rows, 2 * H)
    parts = list(torch.split(x, lengths))
    packed = torch.nn.utils.rnn.pack_sequence(parts, enforce_sorted=False)
    out, state = net(packed)
    padded, _ = torch.nn.utils.rnn.pad_packed_sequence(out, batch_first=True)
    y = torch.cat([padded[i, :n] for i, n in enumerate(lengths)])
    (y * dy).sum().backward()
    result = [y, state[0] if kind == 'LSTM' else state, x.grad]
    if kind == 'LSTM': result.append(state[1])
    result += [p.grad for _, p in net.named_parameters()]
    print(json.dumps([t.detach().reshape(-1).tolist() for t in result]))
    """

  @Test(
    "Two bidirectional layers over packed sequences equal PyTorch's in every build",
    .enabled(if: Python.has("torch"), "torch is missing"),
    arguments: [Recurrence.Cell.gru, .lstm])
  func stack(cell: Recurrence.Cell) throws {
    let kind = cell == .lstm ? "LSTM" : "GRU"
    let text = try Python.run(Self.script, [kind, "\(Self.lengths)"])
    let recorded = try JSONDecoder().decode([[Double]].self, from: Data(text.utf8))
    let stack = Stack(cell: cell, lengths: Self.lengths)
    try onEachBuild { build in
      let found = stack.run()
      #expect(found.count == recorded.count)
      for (index, (found, wanted)) in zip(found, recorded).enumerated() {
        #expect(relativeDifference(found, wanted) <= 1e-5, "\(build), array \(index)")
      }
    }
  }

  /// Two layers of two directions, in the order of PyTorch's parameters.
  private struct Stack {
    let cells: [[RecurrentBench]]
    let rows = 22
    let samples = 5
    let I = 5
    let H = 6
    let hasCell: Bool

    init(cell: Recurrence.Cell, lengths: [Int]) {
      hasCell = cell == .lstm
      cells = [5, 12].map { inputs in
        [1, 2].map { _ in
          RecurrentBench(Recurrence(cell: cell, inputs: inputs, hidden: 6), lengths: lengths)
        }
      }
      var shift = 0.0
      for bench in cells.flatMap({ $0 }) {
        for part in [bench.input, bench.hidden, bench.inputBias, bench.hiddenBias] {
          RecurrenceGoldenTests.fill(part, shift, 0.6)
          shift += 0.3
        }
      }
    }

    func run() -> [[Float]] {
      let (x, dy) = (GuardedFloats(rows * I), GuardedFloats(rows * 2 * H))
      RecurrenceGoldenTests.fill(x, 0.1)
      RecurrenceGoldenTests.fill(dy, 0.2)
      let outputs = [GuardedFloats(rows * 2 * H), GuardedFloats(rows * 2 * H)]
      let (dx, middle) = (GuardedFloats(rows * I), GuardedFloats(rows * 2 * H))
      let (hidden, cell) = (GuardedFloats(4 * samples * H), GuardedFloats(4 * samples * H))
      for layer in 0..<2 {
        for side in 0..<2 {
          let place = (2 * layer + side) * samples * H
          cells[layer][side].forward(
            layer == 0 ? x.pointer : outputs[0].pointer, reversed: side == 1,
            output: outputs[layer].base + side * H, stride: 2 * H,
            final: Recurrence.State(
              hidden: hidden.base + place, cell: hasCell ? cell.base + place : nil))
        }
      }
      for layer in [1, 0] {
        for side in 0..<2 {
          cells[layer][side].backward(
            layer == 0 ? x.pointer : outputs[0].pointer, reversed: side == 1,
            output: outputs[layer].pointer + side * H,
            outputGradient: (layer == 0 ? middle : dy).pointer + side * H, stride: 2 * H,
            inputGradient: (layer == 0 ? dx : middle).base, adding: side == 1)
        }
      }
      var result = [outputs[1].array, hidden.array, dx.array]
      if hasCell { result.append(cell.array) }
      for bench in cells.flatMap({ $0 }) {
        result += [
          bench.inputGradients, bench.hiddenGradients, bench.inputBiasGradients,
          bench.hiddenBiasGradients,
        ].map(\.array)
      }
      return result
    }
  }
}
