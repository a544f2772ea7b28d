/// Which ranks share a node, and the order in which ranks take work.
///
/// Ranks are ordered node by node: *place* p counts the ranks of the first node, then those of the
/// second. Work that is dealt by place (microbatches, blocks) then stays on a node in one run, however
/// `mpirun` numbered the ranks.
public struct Topology: Sendable, Equatable {
  /// The world ranks of every node, in ascending order; nodes by their lowest rank.
  public let nodes: [[Int]]
  /// The world rank at each place.
  public let rankAtPlace: [Int]
  /// The first place of each node, and R at the end.
  public let firstPlace: [Int]

  /// A topology from the node that each rank runs on.
  ///
  /// - Parameter nodeOfRank: any number that is equal exactly for ranks of one node; R of them.
  public init(nodeOfRank: [Int]) {
    precondition(!nodeOfRank.isEmpty, "a topology needs a rank")
    var order: [Int] = []
    var members: [Int: [Int]] = [:]
    for (rank, node) in nodeOfRank.enumerated() {
      if members[node] == nil { order.append(node) }
      members[node, default: []].append(rank)
    }
    nodes = order.map { members[$0] ?? [] }
    rankAtPlace = nodes.flatMap { $0 }
    firstPlace = nodes.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.count) }
  }

  /// A topology of nodes with so many ranks each, ranks numbered node by node.
  public init(sizes: [Int]) {
    self.init(nodeOfRank: sizes.enumerated().flatMap { [Int](repeating: $0, count: $1) })
  }

  /// R.
  public var size: Int { rankAtPlace.count }

  /// The ranks of node `node`, by place.
  public func places(ofNode node: Int) -> Range<Int> { firstPlace[node]..<firstPlace[node + 1] }

  /// L of a node.
  public func localSize(_ node: Int) -> Int { nodes[node].count }

  /// The node, the local rank and the place of a world rank.
  public func seat(ofRank rank: Int) -> Seat {
    for (node, ranks) in nodes.enumerated() {
      if let local = ranks.firstIndex(of: rank) {
        return Seat(node: node, localRank: local, place: firstPlace[node] + local)
      }
    }
    preconditionFailure("rank \(rank) is not among the \(size) ranks")
  }

  /// Where a rank sits.
  public struct Seat: Sendable, Equatable {
    /// The node, in `0 ..< M`.
    public let node: Int
    /// The rank within its node, in `0 ..< L`.
    public let localRank: Int
    /// The rank's place in the order of nodes.
    public let place: Int

    /// A seat from its numbers.
    public init(node: Int, localRank: Int, place: Int) {
      self.node = node
      self.localRank = localRank
      self.place = place
    }
  }
}
