import MPI

extension ShardedTable {
  /// Rows that travel at once when a whole table is visited, in scalars.
  private static let portion = 1 << 20

  /// Hands all scalars of the table to one rank, from the first row to the last, in portions.
  ///
  /// Collective. No rank holds more than a portion beside its own rows.
  ///
  /// - Parameters:
  ///   - root: the rank that takes them.
  ///   - world: all ranks.
  ///   - take: called on the root.
  /// - Throws: `MPIError` if a message fails.
  public func visit(
    on root: Int, of world: Communicator, _ take: (UnsafeBufferPointer<Float>) -> Void
  ) throws {
    for owner in 0..<world.size {
      let rows = Self.rows(of: table, ofRank: owner, of: world.size)
      let count = rows.count * table.width
      guard world.rank == root || world.rank == owner else { continue }
      for start in stride(from: 0, to: count, by: Self.portion) {
        let length = min(Self.portion, count - start)
        if owner == world.rank {
          let part = UnsafeBufferPointer(start: values + start, count: length)
          if root == owner { take(part) } else { try world.send(part, to: root, tag: 0) }
        } else {
          var portion = [Float](repeating: 0, count: length)
          try portion.withUnsafeMutableBufferPointer {
            try world.receive(into: $0, from: owner, tag: 0)
          }
          portion.withUnsafeBufferPointer(take)
        }
      }
    }
  }
}
