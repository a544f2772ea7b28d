/// Which rank computes which microbatches of a step of V.
///
/// A node takes one run of consecutive microbatches, as long as its share of the ranks. Inside it they
/// go round: in *wave* w local rank l computes number `w · L + l` of the run, so that neighbours finish
/// together and their gradients are added up wave by wave. Where batch norm is synchronised over groups
/// of G microbatches a run ends between groups, so that a group never leaves its node.
public struct Deal: Sendable, Equatable {
  /// V.
  public let microbatches: Int
  /// The microbatches of each node.
  public let runs: [Range<Int>]
  private let topology: Topology

  /// Deals a step.
  ///
  /// - Parameters:
  ///   - microbatches: V; fewer than ranks leave some without.
  ///   - topology: the ranks.
  ///   - group: G, 1 without synchronisation.
  public init(microbatches: Int, topology: Topology, group: Int = 1) {
    self.microbatches = microbatches
    self.topology = topology
    let groups = (microbatches + group - 1) / group
    runs = topology.nodes.indices.map { node in
      let places = topology.places(ofNode: node)
      let low = places.lowerBound * groups / topology.size * group
      let high = places.upperBound * groups / topology.size * group
      return low..<min(microbatches, high)
    }
  }

  /// Waves on a node: how often its ranks compute, all together; at least one, so that a node without
  /// work still says when it is done with the weights.
  public func waves(onNode node: Int) -> Int {
    let size = topology.localSize(node)
    return max(1, (runs[node].count + size - 1) / size)
  }

  /// The microbatches of a rank, ascending.
  public func share(of seat: Topology.Seat) -> StrideTo<Int> {
    let run = runs[seat.node]
    return stride(
      from: run.lowerBound + seat.localRank, to: run.upperBound, by: topology.localSize(seat.node))
  }

  /// How many microbatches a wave of a node has.
  func count(inWave wave: Int, onNode node: Int) -> Int {
    let size = topology.localSize(node)
    return max(0, min(size, runs[node].count - wave * size))
  }
}
