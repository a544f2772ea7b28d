import Glibc

extension Reference {
  /// Parameters of a recurrence in Float64.
  package struct Recurrent: Sendable {
    /// `[G · H, I]`, `[G · H, H]`, `[G · H]` and `[G · H]`.
    package var input, hidden, inputBias, hiddenBias: [Double]

    /// Parameters from their parts.
    package init(
      input: [Double], hidden: [Double], inputBias: [Double], hiddenBias: [Double]
    ) {
      (self.input, self.hidden) = (input, hidden)
      (self.inputBias, self.hiddenBias) = (inputBias, hiddenBias)
    }
  }

  /// State and, for an LSTM, cell.
  package struct RecurrentState: Sendable {
    /// H numbers each.
    package var hidden, cell: [Double]

    /// A state from its parts.
    package init(hidden: [Double], cell: [Double]) { (self.hidden, self.cell) = (hidden, cell) }
  }

  /// One step of a recurrence as it is defined.
  package static func step(
    _ layer: Recurrence, _ p: Recurrent, x: [Double], _ state: RecurrentState
  ) -> RecurrentState {
    let H = layer.hidden
    func row(_ matrix: [Double], _ r: Int, _ v: [Double]) -> Double {
      v.indices.reduce(0) { $0 + matrix[r * v.count + $1] * v[$1] }
    }
    func arriving(_ r: Int) -> Double { row(p.input, r, x) + p.inputBias[r] }
    func recurring(_ r: Int, _ h: [Double]) -> Double { row(p.hidden, r, h) + p.hiddenBias[r] }
    func logistic(_ v: Double) -> Double { 1 / (1 + exp(-v)) }
    func gate(_ k: Int) -> [Double] {
      (0..<H).map { arriving(k * H + $0) + recurring(k * H + $0, state.hidden) }
    }
    if layer.cell == .lstm {
      let (i, f) = (gate(0).map(logistic), gate(1).map(logistic))
      let (g, o) = (gate(2).map(tanh), gate(3).map(logistic))
      let cell = (0..<H).map { f[$0] * state.cell[$0] + i[$0] * g[$0] }
      return RecurrentState(hidden: (0..<H).map { o[$0] * tanh(cell[$0]) }, cell: cell)
    }
    let (r, z) = (gate(0).map(logistic), gate(1).map(logistic))
    let reset = (0..<H).map { r[$0] * state.hidden[$0] }
    let n = (0..<H).map { j in
      let inner =
        layer.cell == .gru
        ? r[j] * recurring(2 * H + j, state.hidden) : recurring(2 * H + j, reset)
      return tanh(arriving(2 * H + j) + inner)
    }
    let next = (0..<H).map { (1 - z[$0]) * n[$0] + z[$0] * state.hidden[$0] }
    return RecurrentState(hidden: next, cell: state.cell)
  }

  /// The states after every step of one sample, in the order of its rows.
  package static func run(
    _ layer: Recurrence, _ parameters: Recurrent, rows: [[Double]], reversed: Bool,
    from initial: RecurrentState
  ) -> (outputs: [[Double]], final: RecurrentState) {
    var state = initial
    var outputs: [[Double]] = []
    for x in reversed ? rows.reversed() : rows {
      state = step(layer, parameters, x: x, state)
      outputs.append(state.hidden)
    }
    return (reversed ? outputs.reversed() : outputs, state)
  }
}
