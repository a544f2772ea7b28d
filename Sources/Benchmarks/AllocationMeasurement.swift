/// What was measured of all ranks and nodes of a job.
public struct AllocationMeasurement: Sendable, Equatable {
  /// One rank, while all ranks of its node measured.
  public struct Rank: Sendable, Equatable {
    /// The rank.
    public var rank: Int
    /// Its node.
    public var node: Int
    /// What its core does.
    public var core: CoreSpeed
    /// What memory does for it.
    public var memory: MemorySpeed

    /// A rank from its parts.
    public init(rank: Int, node: Int, core: CoreSpeed, memory: MemorySpeed) {
      self.rank = rank
      self.node = node
      self.core = core
      self.memory = memory
    }
  }

  /// One node.
  public struct Node: Sendable, Equatable {
    /// The node, in `0 ..< M`.
    public var node: Int
    /// What memory does for one rank while the others wait.
    public var memoryAlone: MemorySpeed
    /// Between the first two ranks of the node; nil where it has one.
    public var neighbours: LinkSpeed?
    /// Against the first node's clock; nil for the first node.
    public var clock: ClockOffset?

    /// A node from its parts.
    public init(
      node: Int, memoryAlone: MemorySpeed, neighbours: LinkSpeed?, clock: ClockOffset?
    ) {
      self.node = node
      self.memoryAlone = memoryAlone
      self.neighbours = neighbours
      self.clock = clock
    }
  }

  /// Between the first ranks of two nodes.
  public struct Link: Sendable, Equatable {
    /// The lower node.
    public var from: Int
    /// The higher node.
    public var to: Int
    /// What they can tell each other while other pairs of nodes do.
    public var speed: LinkSpeed

    /// A link from its parts.
    public init(from: Int, to: Int, speed: LinkSpeed) {
      self.from = from
      self.to = to
      self.speed = speed
    }
  }

  /// All ranks, in order.
  public var ranks: [Rank]
  /// All nodes, in order.
  public var nodes: [Node]
  /// All pairs of up to eight nodes, a ring of more.
  public var links: [Link]
  /// Sums over all ranks, by size; none on a single rank.
  public var reductions: [ReductionSpeed]

  /// A measurement from its parts.
  public init(ranks: [Rank], nodes: [Node], links: [Link], reductions: [ReductionSpeed]) {
    self.ranks = ranks
    self.nodes = nodes
    self.links = links
    self.reductions = reductions
  }

  /// The link that a sum over all ranks waits for: the longest latency and the least bandwidth among
  /// those between nodes, or among those inside the node where there is one node.
  public var slowestLink: LinkSpeed? {
    let speeds = links.isEmpty ? nodes.compactMap(\.neighbours) : links.map(\.speed)
    guard let latency = speeds.map(\.latency).max(), let least = speeds.map(\.bytesPerSecond).min()
    else { return nil }
    return LinkSpeed(latency: latency, bytesPerSecond: least)
  }
}
