import Buffers
import Configuration
import Optimizers
@_spi(Exchange) import Parameters
import Testing

/// Rows that lie on one rank each move as those of a lazy table that lies whole everywhere.
@Suite struct ShardedRowTests {
  typealias Rule = OptimizerConfiguration.Rule

  private static let rules: [Rule] = [
    .sgd(momentum: 0, nesterov: false), .sgd(momentum: 0.9, nesterov: true),
    .adam(beta1: 0.9, beta2: 0.999, epsilon: 1e-8), .adamW(beta1: 0.9, beta2: 0.99, epsilon: 1e-8),
  ]

  private static func layout(
    _ table: ParameterSlot.Table, rows: Int, width: Int
  ) -> ParameterLayout {
    var slots = ParameterLayout()
    _ = slots.reserve("before", [4099], initializer: .constant(0))
    _ = slots.reserve(
      "table", [rows, width], initializer: .constant(0), decaysByDefault: true, table: table)
    _ = slots.reserve("after", [77], initializer: .constant(0))
    return slots
  }

  private static func number(_ place: Int, _ salt: Int) -> Float {
    var state = UInt32(truncatingIfNeeded: place &* 7919 &+ salt &* 104_729 &+ 17)
    for _ in 0..<3 { state = state &* 1_664_525 &+ 1_013_904_223 }
    return Float(Int32(bitPattern: state)) / 0x1p31
  }

  private static func touches(_ row: Int, _ step: Int) -> Bool { (row * 7 + step * 3) % 5 < 2 }

  /// A table on some ranks, with the rows and state of each.
  private final class Shards {
    let optimizer: Optimizer
    let table: LazyTable
    let states: [RowState]
    let weights: HostBuffer<Float>
    let sums: HostBuffer<Double>

    init(_ configuration: OptimizerConfiguration, _ layout: ParameterLayout, ranks: Int) throws {
      optimizer = try Optimizer(
        configuration, layout: layout, blocks: BlockSet([], of: layout), ema: nil)
      let table = layout.shardedTables[0]
      self.table = table
      let groups = (table.rowCount + table.rowsPerGroup - 1) / table.rowsPerGroup
      let parts = (0..<ranks).map { rank in
        min(
          table.rowCount, rank * groups / ranks * table.rowsPerGroup)..<min(
            table.rowCount, (rank + 1) * groups / ranks * table.rowsPerGroup)
      }
      states = parts.map { [optimizer] in optimizer.makeState(table, rows: $0) }
      weights = HostBuffer(count: table.rowCount * table.width)
      sums = HostBuffer(count: optimizer.pieceCount)
      for place in 0..<weights.count {
        weights[place] = ShardedRowTests.number(table.offset + place, 99)
      }
    }

    /// One step, whose sums come from the sweep that moves rows or from one of their own.
    func step(_ step: Int, clip: Float, fused: Bool) {
      sums.all.update(repeating: 0)
      for state in states {
        let rows = state.rows.filter { ShardedRowTests.touches($0, step) }.map(Int64.init)
        var values = rows.flatMap { row in
          table.range(ofRows: Int(row)..<Int(row) + 1).map { ShardedRowTests.number($0, step) }
        }
        rows.withUnsafeBufferPointer { rows in
          values.withUnsafeMutableBufferPointer { values in
            let gradient = GlobalGradients.Rows(
              table: 0, numbers: rows, values: values.baseAddress)
            if !fused { optimizer.measureGradient(gradient, state, into: sums.base) }
            optimizer.update(
              gradient, state, weights: weights.base + state.rows.lowerBound * table.width,
              gradientScale: clip,
              learningRateFactor: 0.5, sums: fused ? sums.base : nil)
          }
        }
      }
      optimizer.finishStep()
    }

    var values: [Float] { Array(weights.all) }
  }

  // Rows that cross blocks, rows of several blocks, and more rows than are looked at together.
  @Test(arguments: rules, [(700, 9), (5, 5000), (6000, 3)])
  func equalALazyTable(rule: Rule, extents: (rows: Int, width: Int)) throws {
    let configuration = OptimizerConfiguration(rule: rule, learningRate: 0.1, weightDecay: 0.01)
    let (rows, width) = extents
    let lazy = Self.layout(.lazy, rows: rows, width: width)
    let harness = try Harness(configuration, lazy)
    for place in 0..<lazy.count { harness.store.base[place] = Self.number(place, 99) }
    let sharded = Self.layout(.sharded, rows: rows, width: width)
    let all = try [(1, true), (1, false), (2, true), (3, false)].map {
      (shards: try Shards(configuration, sharded, ranks: $0), fused: $1)
    }
    let slot = lazy.slots[1]
    for step in 0..<3 {
      let gradient = (0..<lazy.count).map { place in
        slot.range.contains(place) ? Self.number(place, step) : 0
      }
      // The norm of the whole is that of the table: all else has no gradient.
      let norm = harness.step(gradient, factor: 0.5) { Self.touches($0, step) }
      for (shards, fused) in all {
        shards.step(step, clip: 1, fused: fused)
        #expect(GlobalNorm(combining: shards.sums.base, count: shards.sums.count) == norm)
        #expect(shards.values == harness.values("table"), "step \(step), fused \(fused)")
      }
    }
    for state in harness.optimizers[0].state {
      let first = slot.offset - state.range.lowerBound
      let wanted = (0..<slot.count).map { state.base[first + $0] }
      for (shards, _) in all {
        let parts = shards.states.flatMap(\.arrays).filter { $0.name == state.name }
        #expect(parts.flatMap { part in (0..<part.range.count).map { part.base[$0] } } == wanted)
      }
    }
  }

  @Test func aFrozenTableStaysAndHasNoNorm() throws {
    let configuration = OptimizerConfiguration(
      rule: .sgd(momentum: 0, nesterov: false), learningRate: 0.1,
      groups: [.init(match: "table", freeze: true)])
    let shards = try Shards(
      configuration, Self.layout(.sharded, rows: 40, width: 7), ranks: 1)
    let before = shards.values
    for fused in [true, false] {
      shards.step(0, clip: 1, fused: fused)
      #expect(shards.values == before)
      #expect(shards.sums.all.allSatisfy { $0 == 0 })
    }
  }
}
