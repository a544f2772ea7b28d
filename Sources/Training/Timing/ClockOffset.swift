import Exchange
import MPI

/// The difference between the monotonic clocks of two nodes.
enum ClockOffset {
  private static let tag = 901
  private static let rounds = 16

  /// Nanoseconds to add to this rank's clock to get rank 0's.
  ///
  /// Collective. Rank 0 exchanges messages with the first rank of each other node; the fastest of them
  /// tells the difference best. Ranks of a node share a clock.
  ///
  /// - Returns: 0 on rank 0's node; elsewhere right to about half of the fastest round trip.
  /// - Throws: `MPIError` if a message fails.
  static func measure(_ node: Node) throws -> Int {
    var offset: Int64 = 0
    for (index, ranks) in node.topology.nodes.enumerated()
    where index != node.topology.seat(ofRank: 0).node {
      if node.world.rank == 0 { try answer(node.world, ranks[0]) }
      if node.world.rank == ranks[0] { offset = try ask(node.world) }
    }
    return Int(try node.local.broadcast(offset, root: 0))
  }

  private static func answer(_ world: Communicator, _ other: Int) throws {
    var number: [Int64] = [0]
    for _ in 0..<rounds {
      try number.withUnsafeMutableBufferPointer {
        try world.receive(into: $0, from: other, tag: tag)
        $0[0] = Int64(StepClock.now())
        try world.send(UnsafeBufferPointer($0), to: other, tag: tag)
      }
    }
  }

  private static func ask(_ world: Communicator) throws -> Int64 {
    var best = (trip: Int64.max, offset: Int64(0))
    var number: [Int64] = [0]
    for _ in 0..<rounds {
      let sent = Int64(StepClock.now())
      let there = try number.withUnsafeMutableBufferPointer {
        try world.send(UnsafeBufferPointer($0), to: 0, tag: tag)
        try world.receive(into: $0, from: 0, tag: tag)
        return $0[0]
      }
      let trip = Int64(StepClock.now()) - sent
      if trip < best.trip { best = (trip, there - (sent + trip / 2)) }
    }
    return best.offset
  }
}
