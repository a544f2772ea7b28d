import Glibc
import Tensors
import Testing

@Suite("Recurrent layers")
struct RecurrenceTests {
  /// A cell with extents and lengths; some empty, some equal, the longest not first.
  struct Case: Sendable, CustomTestStringConvertible {
    let cell: Recurrence.Cell
    let inputs, hidden: Int
    let lengths: [Int]
    let reversed, carried: Bool
    var testDescription: String {
      "\(cell) \(inputs) to \(hidden), \(lengths), reversed \(reversed), carried \(carried)"
    }
  }

  static let cases: [Case] = Recurrence.Cell.allCases.flatMap { cell in
    [
      Case(
        cell: cell, inputs: 3, hidden: 4, lengths: [2, 0, 5, 1, 5], reversed: false, carried: false),
      Case(
        cell: cell, inputs: 2, hidden: 5, lengths: [1, 4, 0, 3], reversed: true, carried: true),
      Case(cell: cell, inputs: 1, hidden: 17, lengths: [3, 2], reversed: false, carried: true),
      Case(cell: cell, inputs: 2, hidden: 3, lengths: [0, 0], reversed: false, carried: true),
    ]
  }

  /// A batch with its slow form.
  private struct Subject {
    let bench: RecurrentBench
    let x, y, dy, dx: GuardedFloats
    let hidden, cell, lastHidden, lastCell: GuardedFloats
    let reversed: Bool
    let initial: Recurrence.State?

    init(_ c: Case, _ precision: Precision = .float32) {
      bench = RecurrentBench(
        Recurrence(cell: c.cell, inputs: c.inputs, hidden: c.hidden, precision: precision),
        lengths: c.lengths)
      reversed = c.reversed
      x = GuardedFloats(random: bench.rows * c.inputs, seed: 5)
      y = GuardedFloats(bench.rows * c.hidden)
      dy = GuardedFloats(random: bench.rows * c.hidden, seed: 6)
      dx = GuardedFloats(bench.rows * c.inputs)
      hidden = GuardedFloats(random: bench.samples * c.hidden, seed: 7)
      cell = GuardedFloats(random: bench.samples * c.hidden, seed: 8)
      lastHidden = GuardedFloats(bench.samples * c.hidden)
      lastCell = GuardedFloats(bench.samples * c.hidden)
      initial =
        c.carried
        ? Recurrence.State(hidden: hidden.base, cell: c.cell == .lstm ? cell.base : nil) : nil
    }

    func forward() {
      bench.forward(
        x.pointer, reversed: reversed, initial: initial, output: y.base, stride: bench.layer.hidden,
        final: Recurrence.State(
          hidden: lastHidden.base, cell: bench.layer.cell == .lstm ? lastCell.base : nil))
    }

    func backward() {
      bench.backward(
        x.pointer, reversed: reversed, initial: initial, output: y.pointer,
        outputGradient: dy.pointer, stride: bench.layer.hidden, inputGradient: dx.base)
    }

    /// All outputs and last states by the definition.
    func reference(
      _ parameters: Reference.Recurrent, _ x: [Double]
    ) -> (outputs: [Double], hidden: [Double], cell: [Double]) {
      var result: (outputs: [Double], hidden: [Double], cell: [Double]) = ([], [], [])
      let (I, H) = (bench.layer.inputs, bench.layer.hidden)
      for sample in 0..<bench.samples {
        let rows = (bench.offsets[sample]..<bench.offsets[sample + 1]).map {
          Array(x[$0 * I..<($0 + 1) * I])
        }
        func begin(_ states: GuardedFloats) -> [Double] {
          initial == nil
            ? [Double](repeating: 0, count: H)
            : states.array[sample * H..<(sample + 1) * H].map(Double.init)
        }
        let (outputs, final) = Reference.run(
          bench.layer, parameters, rows: rows, reversed: reversed,
          from: Reference.RecurrentState(hidden: begin(hidden), cell: begin(cell)))
        result.outputs += outputs.flatMap { $0 }
        result.hidden += final.hidden
        result.cell += final.cell
      }
      return result
    }

    /// Σ dy · y by the definition.
    func objective(_ parameters: Reference.Recurrent, _ x: [Double]) -> Double {
      zip(reference(parameters, x).outputs, dy.array).reduce(0) { $0 + $1.0 * Double($1.1) }
    }
  }

  @Test(
    "Outputs and last states equal the definition in every build", arguments: cases,
    Precision.allCases)
  func forward(_ c: Case, precision: Precision) throws {
    let subject = Subject(c, precision)
    let bound = precision == .float32 ? 3e-6 : 2e-2
    let wanted = subject.reference(
      subject.bench.reference, subject.x.array.map(Double.init))
    try onEachBuild(precision) { build in
      subject.forward()
      let isRounded = relativeDifference(subject.y.array, wanted.outputs) > 1e-5
      #expect(isRounded == (precision == .bfloat16 && subject.bench.rows > 0), "\(build)")
      #expect(relativeDifference(subject.y.array, wanted.outputs) <= bound, "\(build)")
      #expect(relativeDifference(subject.lastHidden.array, wanted.hidden) <= bound, "\(build)")
      if c.cell == .lstm {
        #expect(relativeDifference(subject.lastCell.array, wanted.cell) <= bound, "\(build)")
      }
    }
  }

  @Test(
    "Gradients equal differences of the definition in every build", arguments: cases,
    Precision.allCases)
  func backward(_ c: Case, precision: Precision) throws {
    let subject = Subject(c, precision)
    let bound = precision == .float32 ? 1e-5 : 4e-2
    let parameters = subject.bench.reference
    let x = subject.x.array.map(Double.init)
    func differences(_ count: Int, _ objective: (Int, Double) -> Double) -> [Double] {
      (0..<count).map { (objective($0, 1e-5) - objective($0, -1e-5)) / 2e-5 }
    }
    func changing(_ part: WritableKeyPath<Reference.Recurrent, [Double]>) -> [Double] {
      differences(parameters[keyPath: part].count) { index, distance in
        var moved = parameters
        moved[keyPath: part][index] += distance
        return subject.objective(moved, x)
      }
    }
    let inputs = differences(x.count) { index, distance in
      var moved = x
      moved[index] += distance
      return subject.objective(parameters, moved)
    }
    let wanted = [
      changing(\.input), changing(\.hidden), changing(\.inputBias), changing(\.hiddenBias), inputs,
    ]
    try onEachBuild(precision) { build in
      subject.forward()
      subject.backward()
      let bench = subject.bench
      let found = [
        bench.inputGradients, bench.hiddenGradients, bench.inputBiasGradients,
        bench.hiddenBiasGradients, subject.dx,
      ]
      for (index, (found, wanted)) in zip(found, wanted).enumerated() {
        #expect(relativeDifference(found.array, wanted) <= bound, "\(build), gradient \(index)")
      }
    }
  }

  @Test("A second direction adds to the gradient of the input, and parameters' are overwritten")
  func adding() {
    let subject = Subject(Self.cases[0])
    subject.forward()
    subject.backward()
    let once = (subject.dx.array, subject.bench.hiddenGradients.array)
    subject.forward()
    subject.bench.backward(
      subject.x.pointer, output: subject.y.pointer, outputGradient: subject.dy.pointer,
      stride: subject.bench.layer.hidden, inputGradient: subject.dx.base, adding: true)
    #expect(relativeDifference(subject.dx.array, once.0.map { 2 * Double($0) }) <= 1e-6)
    #expect(subject.bench.hiddenGradients.array == once.1)
  }

  @Test("Ten thousand steps stay finite", arguments: Recurrence.Cell.allCases)
  func long(cell: Recurrence.Cell) {
    let steps = 10_000
    let bench = RecurrentBench(Recurrence(cell: cell, inputs: 2, hidden: 3), lengths: [steps, 1])
    // An LSTM that forgets nothing and takes in all: its cell grows by nearly one with every step.
    for index in 0..<bench.inputBias.count {
      bench.inputBias.base[index] = 20
      bench.hidden.base[index] *= 0.1
    }
    let x = GuardedFloats(2 * bench.rows, value: 1)
    let y = GuardedFloats(3 * bench.rows)
    let dy = GuardedFloats(3 * bench.rows, value: 1)
    let dx = GuardedFloats(2 * bench.rows)
    bench.forward(x.pointer, output: y.base, stride: 3)
    if cell == .lstm { #expect(bench.inner.array[3 * (steps - 1)] > 9_990) }
    bench.backward(
      x.pointer, output: y.pointer, outputGradient: dy.pointer, stride: 3, inputGradient: dx.base)
    for array in [y, dx, bench.hiddenGradients, bench.inputGradients, bench.hiddenBiasGradients] {
      #expect(array.array.allSatisfy { $0.isFinite })
    }
  }
}
