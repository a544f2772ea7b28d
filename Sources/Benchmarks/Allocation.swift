import MPI

/// The ranks of a job by node, as measurements need them.
///
/// A node is what Open MPI takes for one: ranks that it believes to share memory. Whether they can is
/// another question.
public struct Allocation {
  /// All ranks.
  public let world: Communicator
  /// The ranks of this node.
  public let local: Communicator
  /// The first rank of every node, in the order of nodes; nil on all others.
  public let leaders: Communicator?
  /// The node of each rank, numbered by their lowest ranks.
  public let nodeOfRank: [Int]

  /// Finds the nodes.
  ///
  /// Collective: every rank of the group calls it.
  ///
  /// - Parameter world: all ranks.
  /// - Throws: `MPIError` if MPI refuses.
  public init(_ world: Communicator) throws {
    self.world = world
    local = try world.splitByNode()
    let first = try local.broadcast(Int64(world.rank), root: 0)
    let firsts = try world.allGather(first)
    let order = Set(firsts).sorted()
    nodeOfRank = firsts.map { order.firstIndex(of: $0) ?? 0 }
    let heads = try world.split(color: local.rank == 0 ? 0 : 1, key: Int32(world.rank))
    leaders = local.rank == 0 ? heads : nil
  }

  /// M.
  public var nodes: Int { (nodeOfRank.max() ?? 0) + 1 }
}
