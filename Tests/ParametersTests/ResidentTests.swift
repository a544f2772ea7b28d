import Parameters
import Testing

/// What a layout holds beside sharded tables.
@Suite struct ResidentTests {
  private func layout(_ slots: [(rows: Int, width: Int, isSharded: Bool)]) -> ParameterLayout {
    var layout = ParameterLayout()
    for (index, slot) in slots.enumerated() {
      _ = layout.reserve(
        "\(index)", [slot.rows, slot.width], initializer: .constant(0),
        table: slot.isSharded ? .sharded : nil)
    }
    return layout
  }

  @Test func tablesLeaveHoles() {
    let all = layout([(10, 1, false), (20_000, 1, true), (3, 1, true), (9000, 1, false)])
    #expect(all.residentRanges == [0..<10, 20_013..<29_013])
    #expect(all.residentCount == 9010)
    // Block 4 begins at 16,384, in the table, and ends behind it.
    #expect(all.residentBlocks == [0..<1, 4..<8])
    let set = BlockSet([0..<1, 4..<6], of: all)
    #expect(set.stretches.map(\.range) == [0..<10, 20_013..<24_576])
    #expect(set.stretches.map(\.offset) == [0, 4096 + 20_013 - 16_384])
    #expect(all.residentBytes(in: 20..<80_060, from: 8) == [20..<48])
    #expect(all.residentBytes(in: 80_000..<80_100) == [80_052..<80_100])
    #expect(all.shardedTables.map(\.offset) == [10, 20_010])
    #expect(all.lazyTables.isEmpty)
  }

  @Test func withoutTablesThereAreNone() {
    let plain = layout([(10, 1, false), (9000, 1, false)])
    #expect(plain.residentRanges == [0..<9010] && plain.residentBlocks == [0..<3])
    #expect(plain.residentBytes(in: 3..<7) == [3..<7])
    let only = layout([(5, 1000, true)])
    #expect(only.residentRanges.isEmpty && only.residentBlocks.isEmpty && only.residentCount == 0)
    let between = layout([(10, 1, false), (7, 1, true), (10, 1, false)])
    #expect(between.residentBlocks == [0..<1] && between.residentCount == 20)
  }

  @Test func theDigestIsThatOfAWholeTable() {
    let sharded = layout([(10, 1, false), (50, 3, true), (5, 1, false)])
    let whole = layout([(10, 1, false), (50, 3, false), (5, 1, false)])
    let values = (0..<165).map { Float($0) / 7 }
    let holed = values.enumerated().map { (10..<160).contains($0) ? .nan : $1 }
    let digest = sharded.digest(of: holed) { table, take in
      #expect(table == 0)
      for start in stride(from: 10, to: 160, by: 50) {
        values[start..<start + 50].withUnsafeBufferPointer(take)
      }
    }
    #expect(digest == whole.digest(of: values))
  }
}
