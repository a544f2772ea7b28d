import Buffers

/// Where microbatches of one group, computed by several ranks of a node, show each other numbers.
///
/// A group never leaves its node. Every microbatch of the node's run has room for two rows: while a slow
/// rank still reads the row of one meeting point, a fast one writes that of the next, and it cannot get
/// further, for there it waits for the slow one.
public final class GroupTable {
  private let exchange: Exchange
  private let memory: SharedMemory
  private let rooms: Int
  private let width: Int
  private let points: Int
  private let stamps: [SharedCounter]

  /// Collective on the node.
  ///
  /// - Parameters:
  ///   - exchange: whose ranks meet.
  ///   - microbatches: V of the largest step.
  ///   - width: numbers of a row, at most.
  ///   - points: how often the members of a group meet in a step, at most.
  /// - Throws: `AgreedFailure` where memory is short, or `MPIError`.
  public init(_ exchange: Exchange, microbatches: Int, width: Int, points: Int) throws {
    let node = exchange.node
    let deal = Deal(
      microbatches: microbatches, topology: node.topology, group: exchange.group)
    // A shorter step may give this node a longer run than its share, by less than a group.
    rooms = min(microbatches, deal.runs[node.seat.node].count + exchange.group)
    (self.exchange, self.width, self.points) = (exchange, width, points)
    let lines = rooms * SharedCounter.stride
    let bytes = lines + rooms * 2 * width * MemoryLayout<Double>.stride
    let memory = try node.share(
      byteCount: max(1, bytes), name: "aimass-groups",
      claiming: 0..<(node.seat.localRank == 0 ? bytes : 0))
    self.memory = memory
    stamps = (0..<rooms).map { SharedCounter(at: memory.base + $0 * SharedCounter.stride) }
  }

  /// Shows the rows of this rank's members and waits for those of the others.
  ///
  /// - Parameters:
  ///   - members: the group's microbatches of the current step.
  ///   - point: which meeting of the step, from 0, rising by one.
  ///   - width: numbers of a row.
  ///   - rows: a row per member; those of this rank are filled in, on return all are.
  /// - Throws: `MPIError` if a message failed while this rank waited.
  public func meet(
    _ members: Range<Int>, point: Int, width: Int, rows: UnsafeMutablePointer<Double>
  ) throws {
    precondition(width <= self.width && point < points, "a meeting that was not planned")
    let node = exchange.node
    let run = exchange.deal.runs[node.seat.node]
    let stamp = exchange.stepNumber * points + point + 1
    func isOurs(_ member: Int) -> Bool {
      (member - run.lowerBound) % node.local.size == node.seat.localRank
    }
    for member in members where isOurs(member) {
      let room = member - run.lowerBound
      row(room, point).update(from: rows + (member - members.lowerBound) * width, count: width)
      stamps[room].advance(to: stamp)
    }
    for member in members where !isOurs(member) {
      let room = member - run.lowerBound
      try exchange.wait(
        for: stamps[room], toReach: stamp, from: room % node.local.size)
      (rows + (member - members.lowerBound) * width).update(from: row(room, point), count: width)
    }
  }

  private func row(_ room: Int, _ point: Int) -> UnsafeMutablePointer<Double> {
    (memory.base + rooms * SharedCounter.stride).assumingMemoryBound(to: Double.self)
      + (2 * room + point % 2) * width
  }
}
