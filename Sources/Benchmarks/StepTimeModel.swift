/// Predicts the time of a training step on any number of ranks and nodes from a measurement.
///
/// With V microbatches, n parameters of 4 bytes, M nodes of L ranks each (R = M L) and v = ⌈V / M⌉
/// microbatches per node, a step is the sum of four parts that follow one another:
///
/// - compute: `⌈v / L⌉ · flops / (GEMM rate · efficiency)`;
/// - reduce: `12 n v / B(L)`, since each gradient is read once by a reducer and added to a sum;
/// - update: `u n / (M B(L))` with u bytes per parameter, each node moving what it owns;
/// - network, between nodes only: `2 · 4 n (M - 1) / M / bandwidth + 2 (M - 1) · latency`.
///
/// `B(L)` is the memory bandwidth of L ranks at once: L times what one rank has alone, but no more than
/// all measured ranks of a node had together. Assumed: ranks have a core each; nodes are alike and have
/// equal runs of microbatches, each one subtree of the sum; input keeps up; nothing overlaps, so a step
/// that sends during the backward pass is shorter. Batch norm over groups, evaluation and checkpoints are
/// left out.
public struct StepTimeModel: Sendable, Equatable {
  /// The work of a step, whoever does it.
  public struct Work: Sendable, Equatable {
    /// n: scalars that gradients are made for.
    public var parameters: Int
    /// V.
    public var microbatches: Int
    /// Floating-point operations of one microbatch, forward and backward.
    public var flopsPerMicrobatch: Double
    /// u: bytes that the update of one parameter reads and writes.
    public var updateBytes: Int

    /// Work from its parts.
    public init(
      parameters: Int, microbatches: Int, flopsPerMicrobatch: Double, updateBytes: Int
    ) {
      self.parameters = parameters
      self.microbatches = microbatches
      self.flopsPerMicrobatch = flopsPerMicrobatch
      self.updateBytes = updateBytes
    }
  }

  /// What a step takes, in seconds.
  public struct Time: Sendable, Equatable {
    /// Forward and backward passes.
    public var compute: Double
    /// Sums of gradients inside nodes.
    public var reduce: Double
    /// New parameters and optimizer state.
    public var update: Double
    /// Partial sums and new weights between nodes.
    public var network: Double

    /// All parts.
    public var total: Double { compute + reduce + update + network }
  }

  /// What is to be done.
  public let work: Work
  /// What a core reaches on this model, as a share of its GEMM rate.
  public let efficiency: Double
  private let gemm: Double
  private let memoryAlone: Double
  private let memoryTogether: Double
  private let link: LinkSpeed?

  /// A model of `work` on a machine.
  ///
  /// - Parameters:
  ///   - work: what is to be done.
  ///   - machine: what was measured; the slowest rank, node and link count, since all wait for them.
  ///   - efficiency: the share of the GEMM rate that passes reach, above 0. Convolutions and wide layers
  ///     reach 0.6 to 0.9, models of small layers less.
  public init(_ work: Work, on machine: AllocationMeasurement, efficiency: Double) {
    precondition(efficiency > 0, "an efficiency is above 0, found \(efficiency)")
    self.work = work
    self.efficiency = efficiency
    gemm = machine.ranks.map(\.core.gemm).min() ?? .infinity
    memoryAlone = machine.nodes.map(\.memoryAlone.bytesPerSecond).min() ?? .infinity
    let sums = machine.nodes.indices.map { node in
      machine.ranks.filter { $0.node == node }.reduce(0) { $0 + $1.memory.bytesPerSecond }
    }
    memoryTogether = max(sums.min() ?? .infinity, memoryAlone)
    link = machine.links.isEmpty ? nil : machine.slowestLink
  }

  /// Whether the measurement says what a network between nodes does.
  public var knowsNetwork: Bool { link != nil }

  /// The time of a step.
  ///
  /// - Parameters:
  ///   - ranks: R, at least M.
  ///   - nodes: M; more than one needs a measurement of several nodes, else the network counts nothing.
  /// - Returns: seconds of each part.
  public func time(ranks: Int, nodes: Int) -> Time {
    precondition(nodes >= 1 && ranks >= nodes, "\(ranks) ranks cannot be on \(nodes) nodes")
    let scalars = Double(work.parameters)
    let local = (ranks + nodes - 1) / nodes
    let perNode = (work.microbatches + nodes - 1) / nodes
    let waves = (perNode + local - 1) / local
    let memory = min(Double(local) * memoryAlone, memoryTogether)
    var network = 0.0
    if nodes > 1, let link {
      let bytes = Self.bytesPerNode(parameters: work.parameters, nodes: nodes)
      network = Double(bytes) / link.bytesPerSecond + 2 * Double(nodes - 1) * link.latency
    }
    return Time(
      compute: Double(waves) * work.flopsPerMicrobatch / (gemm * efficiency),
      reduce: 12 * scalars * Double(perNode) / memory,
      update: Double(work.updateBytes) * scalars / Double(nodes) / memory, network: network)
  }

  /// `T(1) / (R · T(R))`: the share of the ranks' time that is not lost by sharing the work.
  public func scalingEfficiency(ranks: Int, nodes: Int) -> Double {
    time(ranks: 1, nodes: 1).total / (Double(ranks) * time(ranks: ranks, nodes: nodes).total)
  }

  /// Bytes that a node sends in a step, and receives: partial sums of what others own, then what it owns
  /// to the others, `2 · 4 n (M - 1) / M`.
  ///
  /// - Parameters:
  ///   - parameters: n.
  ///   - nodes: M.
  ///   - subtrees: partial sums that a node sends of each parameter; 1 where its run of microbatches is
  ///     one subtree.
  /// - Returns: bytes in each direction.
  public static func bytesPerNode(parameters: Int, nodes: Int, subtrees: Int = 1) -> Int {
    (1 + subtrees) * 4 * parameters * (nodes - 1) / nodes
  }
}
