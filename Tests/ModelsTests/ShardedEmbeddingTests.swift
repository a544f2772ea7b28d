import Configuration
import Models
import Parameters
import Tensors
import Testing

/// An embedding whose rows come from elsewhere, against one whose table is there.
@Suite struct ShardedEmbeddingTests {
  /// Holds rows and gradients in memory of its own.
  private final class Rows: RowSource {
    let width: Int
    var values: [Float]
    var gradient: [Float]

    init(_ table: LazyTable) {
      width = table.width
      values = [Float](repeating: 0, count: table.rowCount * table.width)
      gradient = values
    }

    func read(
      table: Int, _ ids: UnsafeBufferPointer<Int64>, into output: UnsafeMutablePointer<Float>,
      stride: Int
    ) {
      for (number, id) in ids.enumerated() {
        for column in 0..<width {
          output[number * stride + column] = values[Int(id) * width + column]
        }
      }
    }

    func add(
      table: Int, _ ids: UnsafeBufferPointer<Int64>, gradient dy: UnsafePointer<Float>, stride: Int
    ) {
      for (number, id) in ids.enumerated() {
        for column in 0..<width {
          gradient[Int(id) * width + column] += dy[number * stride + column]
        }
      }
    }
  }

  private func bench(shard: Bool) throws -> Bench {
    let embedding = LayerConfiguration.embedding(
      vocabulary: 40, size: 3, rows: shard ? .lazy : .dense, shard: shard)
    return try Bench(
      network([embedding, .activation(.tanh)]),
      [labels("x", [4], classes: 40), labels("y", classes: 3)], capacity: 6)
  }

  @Test func itsPassIsThatOfAWholeTable() throws {
    let (whole, sharded) = (try bench(shard: false), try bench(shard: true))
    let table = try #require(sharded.model.layout.shardedTables.first)
    let rows = Rows(table)
    sharded.model.rowSource = rows
    // In two parts: a row does not depend on who else is initialised.
    rows.values.withUnsafeMutableBufferPointer {
      guard let base = $0.baseAddress else { return }
      sharded.model.initialize(0..<17, of: table, base)
      sharded.model.initialize(17..<40, of: table, base + 17 * 3)
    }
    let slot = try #require(whole.model.layout[whole.model.layout.slots[0].name])
    #expect(rows.values == Array(whole.store[slot]))
    #expect(sharded.train() == whole.train())
    let gradients = UnsafeBufferPointer(
      start: whole.gradients.values.base + slot.offset, count: slot.count)
    #expect(rows.gradient == Array(gradients) && rows.gradient.contains { $0 != 0 })
    for place in slot.range.upperBound..<whole.model.layout.count {
      #expect(sharded.gradients.values[place] == whole.gradients.values[place])
    }
    let read = sharded.model.withIdsRead(sharded.microbatch, step: nil, table: 0) { Array($0) }
    #expect(read == (0..<24).map { sharded.microbatch.integers(0)[$0] })
    #expect(sharded.model.mostRowsRead == [24])
  }
}
