import Buffers
import MPI
import Parameters

/// Numbers of which every rank writes some, and which all ranks then read.
///
/// Losses, norms and wishes of a step go through one: each rank writes its own places, all
/// ``Exchange/join(_:_:)``, and every rank sees every number at its place. Places do not depend on ranks
/// (microbatch numbers, block pieces), so sums over them have the same bits on any number of ranks. In a
/// node nothing is copied; between nodes the first ranks gather what their nodes wrote.
public final class SharedTable {
  /// Numbers in the table.
  public let count: Int
  /// Where this rank writes before a join and reads after it; changes with every join that begins.
  public var values: UnsafeMutablePointer<Double> { half(joins) }

  private let memory: SharedMemory
  private let node: Node
  private let arrived: [SharedCounter]
  private let joined: SharedCounter
  private let packed: HostBuffer<Double>
  private var joins = 0
  private var isOpen = false

  /// Collective on the node.
  ///
  /// - Parameters:
  ///   - node: the ranks.
  ///   - count: numbers in the table.
  ///   - name: for people who look at `/proc/PID/maps`.
  /// - Throws: `AgreedFailure` where memory is short, or `MPIError`.
  public init(_ node: Node, count: Int, name: String) throws {
    self.node = node
    self.count = count
    let (lines, size) = (SharedCounter.stride, node.local.size)
    let bytes = (size + 1) * lines + 2 * max(1, count) * MemoryLayout<Double>.stride
    let memory = try node.share(
      byteCount: bytes, name: name, claiming: 0..<(node.seat.localRank == 0 ? bytes : 0))
    self.memory = memory
    arrived = (0..<size).map { SharedCounter(at: memory.base + $0 * lines) }
    joined = SharedCounter(at: memory.base + size * lines)
    packed = HostBuffer(count: node.leaders != nil && node.topology.nodes.count > 1 ? count : 0)
  }

  /// The two halves take turns: a slow rank may still read one while a fast one writes the next.
  private func half(_ number: Int) -> UnsafeMutablePointer<Double> {
    let start = memory.base + (arrived.count + 1) * SharedCounter.stride
    return start.assumingMemoryBound(to: Double.self) + number % 2 * max(1, count)
  }

  /// Begins the next use: from now on ``values`` is the other half.
  public func open() {
    precondition(!isOpen, "the table is open already")
    isOpen = true
    joins += 1
  }

  /// Waits for all ranks of the node, then for what other nodes wrote.
  func close(
    _ parts: Parts, waiting: (_ counters: [SharedCounter], _ value: Int) throws -> Void
  ) throws {
    precondition(isOpen, "the table was not opened")
    isOpen = false
    arrived[node.seat.localRank].advance(to: joins)
    guard let leaders = node.leaders else { return try waiting([joined], joins) }
    try waiting(arrived, joins)
    if leaders.size > 1 {
      let used = UnsafeMutableBufferPointer(rebasing: packed.all[..<parts.total])
      parts.pack(node.seat.node, from: values, into: used)
      try leaders.allGatherInPlace(used, counts: parts.counts)
      parts.unpack(exceptNode: node.seat.node, from: used, into: values)
    }
    joined.advance(to: joins)
  }

  /// Which node writes which places of a table.
  public struct Parts {
    /// The places of each node, disjoint.
    let ofNode: [[Range<Int>]]
    /// How many each node writes.
    let counts: [Int]
    /// How many all nodes write.
    let total: Int

    /// The places of each node, by node.
    public init(_ ofNode: [[Range<Int>]]) {
      self.ofNode = ofNode.map { $0.filter { !$0.isEmpty } }
      counts = ofNode.map { $0.reduce(0) { $0 + $1.count } }
      total = counts.reduce(0, +)
    }

    func pack(
      _ node: Int, from values: UnsafeMutablePointer<Double>,
      into packed: UnsafeMutableBufferPointer<Double>
    ) {
      var next = counts[..<node].reduce(0, +)
      for range in ofNode[node] {
        for place in range {
          packed[next] = values[place]
          next += 1
        }
      }
    }

    func unpack(
      exceptNode own: Int, from packed: UnsafeMutableBufferPointer<Double>,
      into values: UnsafeMutablePointer<Double>
    ) {
      var next = 0
      for (node, ranges) in ofNode.enumerated() {
        if node == own {
          next += counts[node]
          continue
        }
        for range in ranges {
          for place in range {
            values[place] = packed[next]
            next += 1
          }
        }
      }
    }
  }
}

extension Exchange {
  /// Waits until every number of `table` is in place on this rank; between `open()` and this call each
  /// rank wrote its own.
  ///
  /// Collective. What is read stays as it is until the join after the next one begins.
  ///
  /// - Parameters:
  ///   - table: opened by all ranks.
  ///   - parts: which node wrote which places, equal on all ranks.
  /// - Throws: `MPIError` if a message fails.
  public func join(_ table: SharedTable, _ parts: SharedTable.Parts) throws {
    try table.close(parts) { try wait(for: $0, toReach: $1, .publish, bucket: 0) }
  }

  /// Brings the owned stretches of another store than the model's to all nodes.
  ///
  /// Collective, outside a step. Each rank has written the blocks it owns.
  ///
  /// - Parameter other: made by ``makeStore(name:)``.
  /// - Throws: `MPIError` if a message fails.
  public func publish(whole other: ParameterStore) throws {
    for bucket in plan.buckets.indices {
      try link.exchangeWeights(bucket, of: other.base, since: nil)
    }
    for bucket in plan.buckets.indices {
      try waitForMessages(.publish, bucket: bucket, of: link.toOwners[bucket].first?.node) {
        try link.weightsAreHere(bucket)
      }
    }
    try waitForMessages(.publish, bucket: 0, of: nil) { try link.isQuiet() }
    try node.local.barrier()
  }
}
