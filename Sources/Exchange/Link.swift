import MPI
import Parameters

/// One rank's messages to and from other nodes: partial sums to the owners, new weights back.
///
/// Everything is non-blocking and many buckets are in flight; MPI moves them only while somebody calls
/// it, so the exchange polls between layers and while it waits. With one node there are no messages.
final class Link {
  /// A stretch that travels between this rank and one on another node.
  struct Lane {
    /// The other rank, in the world.
    let peer: Int
    /// Its node.
    let node: Int
    /// Its place in the canonical order.
    let range: Range<Int>
  }

  /// Per bucket what this rank reduces for owners elsewhere: sums go there, weights come back.
  let toOwners: [[Lane]]
  /// Per bucket what this rank owns, as reducers elsewhere hold it: sums come, weights go out.
  let fromReducers: [[Lane]]

  private let messages: Communicator
  private let sends: RequestSet
  private let sums: [RequestSet]
  private let weights: [RequestSet]
  /// Bytes handed to MPI since the start.
  private(set) var bytesSent = 0

  init(_ node: Node, _ plan: BucketPlan) throws {
    messages = try node.world.duplicate()
    let (seat, topology) = (node.seat, plan.topology)
    toOwners = plan.buckets.indices.map { bucket in
      Self.lanes(topology, seat) { other in
        let mine = plan.reduced(by: seat, forNode: other.node, in: bucket)
        return mine.clamped(to: plan.owned(by: other, in: bucket))
      } range: {
        plan.layout.range(ofBlocks: $0)
      }
    }
    fromReducers = plan.buckets.indices.map { bucket in
      let owned = plan.owned(by: seat, in: bucket)
      return Self.lanes(topology, seat) { other in
        owned.clamped(to: plan.reduced(by: other, forNode: seat.node, in: bucket))
      } range: {
        plan.layout.range(ofBlocks: $0)
      }
    }
    let group = messages
    sends = RequestSet(group)
    sums = plan.buckets.map { _ in RequestSet(group) }
    weights = plan.buckets.map { _ in RequestSet(group) }
  }

  /// The lanes to all ranks of other nodes with which this rank shares blocks.
  private static func lanes(
    _ topology: Topology, _ seat: Topology.Seat, blocks: (Topology.Seat) -> Range<Int>,
    range: (Range<Int>) -> Range<Int>
  ) -> [Lane] {
    topology.nodes.indices.filter { $0 != seat.node }.flatMap { node in
      topology.nodes[node].enumerated().compactMap { local, rank in
        let other = Topology.Seat(
          node: node, localRank: local, place: topology.firstPlace[node] + local)
        let shared = blocks(other)
        return shared.isEmpty ? nil : Lane(peer: rank, node: node, range: range(shared))
      }
    }
  }

  /// Begins to receive what other nodes will send of a bucket.
  ///
  /// - Parameters:
  ///   - bucket: which bucket.
  ///   - count: how many partial sums a node sends.
  ///   - room: where the `number`th sum of a lane goes.
  /// - Throws: `MPIError`.
  func receiveSums(
    _ bucket: Int, count: (_ node: Int) -> Int,
    room: (_ lane: Lane, _ number: Int) -> UnsafeMutablePointer<Float>
  ) throws {
    for lane in fromReducers[bucket] {
      for number in 0..<count(lane.node) {
        let buffer = UnsafeMutableBufferPointer(start: room(lane, number), count: lane.range.count)
        try sums[bucket].startReceive(buffer, from: lane.peer, tag: 2 * bucket)
      }
    }
  }

  /// Sends a partial sum of a bucket to the owners on other nodes.
  func sendSum(_ bucket: Int, values: (_ lane: Lane) -> UnsafeMutablePointer<Float>) throws {
    for lane in toOwners[bucket] {
      let buffer = UnsafeBufferPointer(start: values(lane), count: lane.range.count)
      try send(buffer, to: lane.peer, tag: 2 * bucket)
    }
  }

  /// Whether all partial sums of a bucket have come.
  func sumsAreHere(_ bucket: Int) throws -> Bool { try sums[bucket].hasEnded() }

  /// Sends the owned weights of a bucket out, and begins to receive the others into the node's copy.
  func exchangeWeights(_ bucket: Int, of base: UnsafeMutablePointer<Float>) throws {
    for lane in toOwners[bucket] {
      let buffer = UnsafeMutableBufferPointer(
        start: base + lane.range.lowerBound, count: lane.range.count)
      try weights[bucket].startReceive(buffer, from: lane.peer, tag: 2 * bucket + 1)
    }
    for lane in fromReducers[bucket] {
      let buffer = UnsafeBufferPointer(start: base + lane.range.lowerBound, count: lane.range.count)
      try send(buffer, to: lane.peer, tag: 2 * bucket + 1)
    }
  }

  /// Whether the weights of a bucket have come from their owners.
  func weightsAreHere(_ bucket: Int) throws -> Bool { try weights[bucket].hasEnded() }

  /// Whether everything sent has left; its memory may then be used again.
  func isQuiet() throws -> Bool { try sends.hasEnded() }

  private func send(_ buffer: UnsafeBufferPointer<Float>, to peer: Int, tag: Int) throws {
    try sends.startSend(buffer, to: peer, tag: tag)
    bytesSent += buffer.count * MemoryLayout<Float>.stride
  }
}

extension RequestSet {
  /// Whether nothing is in flight any more; asks MPI only where something was.
  func hasEnded() throws -> Bool { try count == 0 || testAll() }
}
