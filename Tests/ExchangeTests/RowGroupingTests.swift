import Exchange
import Tensors
import Testing

/// Lists of ids, taken apart into their rows.
@Suite struct RowGroupingTests {
  @Test func groupsAreThoseOfAPlainSearch() {
    let grouping = RowGrouping()
    for (count, limit) in [
      (0, 10), (1, 1), (7, 1), (50, 2), (300, 40), (300, 2047), (300, 2048), (300, 2049),
      (1000, 5_000_000), (64, 1 << 40),
    ] {
      let random = CounterRandom(seed: 3, purpose: .synthesis, stream: UInt32(limit % 1000))
      let ids = (0..<count).map { place in
        // Some ids are no rows, and many come twice.
        place % 13 == 5
          ? Int64(place % 2 == 0 ? -1 : limit)
          : Int64((UInt64(random.bits(at: place / 2)) << 20) % UInt64(limit))
      }
      ids.withUnsafeBufferPointer { grouping.group($0, below: limit) }
      let (found, wanted) = (grouping.groups, Reference.groups(ids, below: limit))
      #expect((0..<found.count).map { found.rows[$0] } == wanted.map(\.row), "of \(limit)")
      #expect(found.starts[0] == 0)
      for (row, group) in wanted.enumerated() {
        let places = (found.starts[row]..<found.starts[row + 1]).map { found.places[Int($0)] }
        #expect(places.map(Int.init) == group.places, "row \(group.row) of \(limit)")
      }
      #expect(ids.withUnsafeBufferPointer { grouping.isOf($0) })
      let others = ids.dropLast() + [Int64(limit) + 7]
      #expect(!Array(others).withUnsafeBufferPointer { grouping.isOf($0) })
    }
  }
}
