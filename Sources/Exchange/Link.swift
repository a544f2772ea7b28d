import MPI
import Parameters

/// One rank's messages to and from other nodes: partial sums to the owners, new weights back.
///
/// Everything is non-blocking and many buckets are in flight; MPI moves them only while somebody calls
/// it, so the exchange polls between layers and while it waits. With one node there are no messages.
/// Values are sent from where they lie and received where they belong, except on lanes with a
/// ``WireCode``, which writes and reads messages in rooms of its own.
final class Link {
  /// A stretch that travels between this rank and one on another node.
  struct Lane {
    /// The other rank, in the world.
    let peer: Int
    /// Its node.
    let node: Int
    /// Its place in the canonical order.
    let range: Range<Int>
    /// How partial sums travel; nil as they lie.
    var sums: WireCode?
    /// How new weights travel; nil as they lie.
    var weights: WireCode?
  }

  /// A message that is read once its bucket has come.
  private struct Arrival {
    let code: WireCode
    let room: UnsafeMutablePointer<UInt32>
    let target: UnsafeMutablePointer<Float>
  }

  /// Per bucket what this rank reduces for owners elsewhere: sums go there, weights come back.
  private(set) var toOwners: [[Lane]]
  /// Per bucket what this rank owns, as reducers elsewhere hold it: sums come, weights go out.
  private(set) var fromReducers: [[Lane]]

  private let layout: ParameterLayout
  private let format: WireFormat
  private let messages: Communicator
  private let sends: RequestSet
  private let sums: [RequestSet]
  private let weights: [RequestSet]
  private var arrivedSums: [[Arrival]]
  private var arrivedWeights: [[Arrival]]
  /// Bytes handed to MPI since the start.
  private(set) var bytesSent = 0

  /// Collective.
  ///
  /// - Parameters:
  ///   - node: the ranks.
  ///   - plan: who owns what.
  ///   - format: in what form gradients travel; equal on all ranks.
  /// - Throws: `MPIError`.
  init(_ node: Node, _ plan: BucketPlan, _ format: WireFormat) throws {
    messages = try node.world.duplicate()
    layout = plan.layout
    self.format = format
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
    arrivedSums = plan.buckets.map { _ in [] }
    arrivedWeights = plan.buckets.map { _ in [] }
    setLive(nil)
  }

  /// Chooses how every lane travels, given which parameters are live; between steps only.
  func setLive(_ mask: ParameterMask?) {
    func chosen(_ lane: Lane) -> Lane {
      var lane = lane
      lane.sums = WireCode(lane.range, of: layout, format, .sums, mask: mask)
      lane.weights = WireCode(lane.range, of: layout, format, .weights, mask: mask)
      return lane
    }
    toOwners = toOwners.map { $0.map(chosen) }
    fromReducers = fromReducers.map { $0.map(chosen) }
  }

  /// Whether weights of a bucket are compared with what other nodes have.
  func compares(_ bucket: Int) -> Bool {
    fromReducers[bucket].contains { $0.weights?.compares == true }
  }

  /// Bytes of the rooms for messages.
  var memoryBytes: Int {
    (toOwners + fromReducers).joined().reduce(0) {
      $0 + ($1.sums?.memoryBytes ?? 0) + ($1.weights?.memoryBytes ?? 0)
    }
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
        let target = room(lane, number)
        if let code = lane.sums {
          let arrival = Arrival(code: code, room: code.room(number), target: target)
          arrivedSums[bucket].append(arrival)
          try receive(arrival, into: sums[bucket], from: lane.peer, tag: 2 * bucket)
        } else {
          let buffer = UnsafeMutableBufferPointer(start: target, count: lane.range.count)
          try sums[bucket].startReceive(buffer, from: lane.peer, tag: 2 * bucket)
        }
      }
    }
  }

  /// Sends a partial sum of a bucket to the owners on other nodes.
  ///
  /// - Parameters:
  ///   - bucket: which bucket.
  ///   - number: which of this node's sums of the step.
  ///   - values: where a lane's values lie; they must stay as they are until ``isQuiet()``.
  /// - Throws: `MPIError`.
  func sendSum(
    _ bucket: Int, number: Int, values: (_ lane: Lane) -> UnsafeMutablePointer<Float>
  ) throws {
    for lane in toOwners[bucket] {
      if let code = lane.sums {
        let words = code.encode(values(lane), since: nil, into: code.room(number))
        try send(code.room(number), words, to: lane.peer, tag: 2 * bucket)
      } else {
        try send(values(lane), lane.range.count, to: lane.peer, tag: 2 * bucket)
      }
    }
  }

  /// Whether all partial sums of a bucket have come.
  func sumsAreHere(_ bucket: Int) throws -> Bool {
    guard try sums[bucket].hasEnded() else { return false }
    read(&arrivedSums[bucket])
    return true
  }

  /// Sends the owned weights of a bucket out, and begins to receive the others into the node's copy.
  ///
  /// - Parameters:
  ///   - bucket: which bucket.
  ///   - base: the node's values.
  ///   - old: where the values lie that other nodes have of a lane; nil sends all as they lie.
  /// - Throws: `MPIError`.
  func exchangeWeights(
    _ bucket: Int, of base: UnsafeMutablePointer<Float>,
    since old: ((_ lane: Lane) -> UnsafePointer<Float>)?
  ) throws {
    let tag = 2 * bucket + 1
    for lane in toOwners[bucket] {
      let target = base + lane.range.lowerBound
      if old != nil, let code = lane.weights {
        let arrival = Arrival(code: code, room: code.room(0), target: target)
        arrivedWeights[bucket].append(arrival)
        try receive(arrival, into: weights[bucket], from: lane.peer, tag: tag)
      } else {
        let buffer = UnsafeMutableBufferPointer(start: target, count: lane.range.count)
        try weights[bucket].startReceive(buffer, from: lane.peer, tag: tag)
      }
    }
    for lane in fromReducers[bucket] {
      let values = base + lane.range.lowerBound
      if let old, let code = lane.weights {
        let known = code.compares ? old(lane) : nil
        let words = code.encode(values, since: known, into: code.room(0))
        try send(code.room(0), words, to: lane.peer, tag: tag)
      } else {
        try send(values, lane.range.count, to: lane.peer, tag: tag)
      }
    }
  }

  /// Whether the weights of a bucket have come from their owners.
  func weightsAreHere(_ bucket: Int) throws -> Bool {
    guard try weights[bucket].hasEnded() else { return false }
    read(&arrivedWeights[bucket])
    return true
  }

  /// Whether everything sent has left; its memory may then be used again.
  func isQuiet() throws -> Bool { try sends.hasEnded() }

  private func receive(
    _ arrival: Arrival, into set: RequestSet, from peer: Int, tag: Int
  ) throws {
    let buffer = UnsafeMutableBufferPointer(start: arrival.room, count: arrival.code.capacity)
    try set.startReceive(buffer, from: peer, tag: tag)
  }

  private func read(_ arrivals: inout [Arrival]) {
    for arrival in arrivals { arrival.code.decode(arrival.room, into: arrival.target) }
    arrivals.removeAll(keepingCapacity: true)
  }

  private func send<Scalar: MPIScalar>(
    _ start: UnsafePointer<Scalar>, _ count: Int, to peer: Int, tag: Int
  ) throws {
    try sends.startSend(UnsafeBufferPointer(start: start, count: count), to: peer, tag: tag)
    bytesSent += count * MemoryLayout<Scalar>.stride
  }
}

extension RequestSet {
  /// Whether nothing is in flight any more; asks MPI only where something was.
  func hasEnded() throws -> Bool { try count == 0 || testAll() }
}
