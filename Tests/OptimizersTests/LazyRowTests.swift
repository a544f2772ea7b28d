import Buffers
import Configuration
import Optimizers
@_spi(Exchange) import Parameters
import TestSupport
import Testing

/// Tables of which a step moves only the rows it touches.
@Suite struct LazyRowTests {
  typealias Rule = OptimizerConfiguration.Rule
  private static let adam = Rule.adam(beta1: 0.9, beta2: 0.999, epsilon: 1e-8)
  private static let rules: [Rule] = [
    .sgd(momentum: 0, nesterov: false), .sgd(momentum: 0.9, nesterov: true), adam,
    .adamW(beta1: 0.9, beta2: 0.99, epsilon: 1e-8),
  ]

  /// A bias, a table whose rows cross blocks and row groups, and another layer.
  private static func layout(_ table: ParameterSlot.Table, rows: Int = 1000) -> ParameterLayout {
    var slots = ParameterLayout()
    _ = slots.reserve("bias", [5], initializer: .constant(0))
    _ = slots.reserve(
      "table", [rows, 9], initializer: .constant(0), decaysByDefault: true, table: table)
    _ = slots.reserve("after", [700], initializer: .constant(0), decaysByDefault: true)
    return slots
  }

  private static func number(_ place: Int, _ salt: Int) -> Float {
    var state = UInt32(truncatingIfNeeded: place &* 7919 &+ salt &* 104_729 &+ 17)
    for _ in 0..<3 { state = state &* 1_664_525 &+ 1_013_904_223 }
    return Float(Int32(bitPattern: state)) / 0x1p31
  }

  /// The rows that a step touches: one in thirteen, others in every step.
  private static func touches(_ row: Int, _ step: Int) -> Bool { (row * 7 + step * 3) % 13 == 0 }

  /// A gradient that is zero in rows not touched, and in one that is touched all the same.
  private static func gradient(_ layout: ParameterLayout, _ step: Int) -> [Float] {
    (0..<layout.count).map { place in
      let row = (place - 5) / 9
      let isRow = place >= 5 && place < layout.count - 700
      return isRow && (!touches(row, step) || row % 26 == 0) ? 0 : number(place, step)
    }
  }

  private static func start(_ harness: Harness) {
    for place in 0..<harness.layout.count { harness.store.base[place] = number(place, 99) }
  }

  private static func train(
    _ configuration: OptimizerConfiguration, _ layout: ParameterLayout, ranks: Int, steps: Int,
    clipNorm: Double? = nil
  ) throws -> (harness: Harness, norms: [Double]) {
    let harness = try Harness(configuration, layout, ranks: ranks, ema: 0.9)
    start(harness)
    let norms = (0..<steps).map { step in
      harness.step(gradient(layout, step), clipNorm: clipNorm) { touches($0, step) }.value
    }
    return (harness, norms)
  }

  @Test(arguments: rules) func bitsDoNotDependOnWhoOwnsWhat(rule: Rule) throws {
    let configuration = OptimizerConfiguration(rule: rule, learningRate: 0.01, weightDecay: 0.1)
    let layout = Self.layout(.lazy)
    let alone = try Self.train(configuration, layout, ranks: 1, steps: 5, clipNorm: 3)
    for ranks in [2, 3] {
      let shared = try Self.train(configuration, layout, ranks: ranks, steps: 5, clipNorm: 3)
      #expect(shared.harness.store.digest == alone.harness.store.digest)
      #expect(shared.norms == alone.norms)
    }
  }

  /// Where every row is touched, and elsewhere, a lazy table is a dense one; a row that is not touched
  /// keeps weight and moments, also of a step that is long past.
  @Test(arguments: rules) func onlyTouchedRowsMove(rule: Rule) throws {
    let configuration = OptimizerConfiguration(rule: rule, learningRate: 0.01, weightDecay: 0.1)
    let (lazy, dense) = (Self.layout(.lazy), Self.layout(.dense))
    let harness = try Harness(configuration, lazy)
    let whole = try Harness(configuration, dense)
    Self.start(harness)
    Self.start(whole)
    for step in 0..<2 {
      let values = (0..<lazy.count).map { Self.number($0, step) }
      harness.step(values) { _ in true }
      whole.step(values)
    }
    #expect(harness.store.digest == whole.store.digest)
    let before = harness.values("table")
    let state = Self.state(harness)
    harness.step(Self.gradient(lazy, 2)) { Self.touches($0, 2) }
    whole.step(Self.gradient(lazy, 2))
    #expect(harness.values("after") == whole.values("after"))
    let (after, moved, reference) = (
      harness.values("table"), Self.state(harness), whole.values("table")
    )
    for row in 0..<1000 {
      let part = row * 9..<row * 9 + 9
      let isTouched = Self.touches(row, 2)
      #expect((before[part] == after[part]) == !isTouched, "row \(row)")
      if isTouched { #expect(after[part] == reference[part], "row \(row)") }
      for (old, new) in zip(state, moved) {
        let part = part.lowerBound + 5..<part.upperBound + 5
        #expect((old[part] == new[part]) == !isTouched, "state of row \(row)")
      }
    }
  }

  private static func state(_ harness: Harness) -> [[Float]] {
    harness.optimizers[0].state.filter { $0.name != "ema" }.map {
      Array(UnsafeBufferPointer(start: $0.base, count: $0.range.count))
    }
  }

  @Test(.enabled(if: Python.has("torch", "numpy"), "torch or numpy is missing"))
  func sixStepsEqualSparseAdam() throws {
    let layout = Self.layout(.lazy, rows: 60)
    let run = try Self.train(
      OptimizerConfiguration(rule: Self.adam, learningRate: 0.01), layout, ranks: 2, steps: 6)
    func text(_ values: [Float]) -> String {
      "[" + values.map { "\($0)" }.joined(separator: ",") + "]"
    }
    let steps = (0..<6).map { step -> String in
      let rows = (0..<60).filter { Self.touches($0, step) }
      let gradient = Self.gradient(layout, step)
      let values = rows.flatMap { Array(gradient[5 + $0 * 9..<14 + $0 * 9]) }
      return "(\(rows), \(text(values)))"
    }
    let first = (5..<545).map { Self.number($0, 99) }
    let answer = try Python.run(
      """
      import torch
      w = torch.tensor(\(text(first))).view(60, 9).requires_grad_()
      rule = torch.optim.SparseAdam([w], lr=0.01)
      for rows, values in [\(steps.joined(separator: ","))]:
        w.grad = torch.sparse_coo_tensor([rows], torch.tensor(values).view(-1, 9), (60, 9))
        rule.step()
      print(*w.detach().flatten().tolist())
      """)
    let expected = answer.split(whereSeparator: \.isWhitespace).compactMap { Float($0) }
    let found = run.harness.values("table")
    #expect(expected.count == found.count && expected != first)
    for (value, wanted) in zip(found, expected) { #expect(abs(value - wanted) < 1e-6) }
  }

  @Test func runsOfTouchedRowsAreWhole() {
    var slots = Self.layout(.lazy, rows: 300)
    _ = slots.reserve("second", [70, 2], initializer: .constant(0), table: .lazy)
    let touched = TouchedRows(slots)
    #expect(touched.tables.map(\.firstNumber) == [0, 300])
    #expect(touched.tables.map(\.rowsPerGroup) == [455, 2048])
    for row in [0, 1, 63, 64, 127, 128, 129, 299, -1, 300] { touched.insert(row, inTable: 0) }
    for row in [0, 69, 70] { touched.insert(row, inTable: 1) }
    func runs(_ range: Range<Int>) -> [Range<Int>] {
      var found: [Range<Int>] = []
      touched.forEachRun(in: range) { found.append($0) }
      return found
    }
    #expect(runs(0..<370) == [0..<2, 63..<65, 127..<130, 299..<301, 369..<370])
    #expect(runs(1..<64) == [1..<2, 63..<64])
    #expect(runs(130..<299) == [] && runs(5..<5) == [])
    touched.clear()
    #expect(runs(0..<370) == [])
  }
}
