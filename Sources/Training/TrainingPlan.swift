import Configuration
import Exchange
import Models
import Parameters
import Tensors

/// What a run would be and cost, worked out from configuration and data without running it.
public struct TrainingPlan: Sendable {
  /// The run's name.
  public let name: String
  /// R.
  public let ranks: Int
  /// M.
  public let nodes: Int
  /// S of the training split.
  public let trainingSamples: Int
  /// B.
  public let globalBatch: Int
  /// N.
  public let microbatch: Int
  /// V of a full step.
  public let microbatchesPerStep: Int
  /// Steps of one epoch.
  public let stepsPerEpoch: Int
  /// Steps of the run.
  public let totalSteps: Int
  /// Scalars an optimizer moves.
  public let trainableParameters: Int
  /// P: all scalars, statistics included.
  public let parameters: Int
  /// P without the rows of sharded tables: what every node holds and gradients cover.
  public let residentParameters: Int
  /// The layers, in forward order.
  public let layers: [LayerSummary]
  /// Bytes of one rank's memory, by what they hold.
  public private(set) var memory: [(name: String, bytes: Int)]
  /// Bytes of activations and scratch of a model that was compiled for evaluation alone, as `evaluate` and `predict` do.
  public let evaluationArenaBytes: Int
  /// Bytes of activations and scratch of the same training if it computed nothing again; nil where it does not.
  public let unsparingArenaBytes: Int?
  /// Floating-point operations of one training step on all ranks: three times the forward pass, and what is
  /// computed again.
  public let operationsPerStep: Int
  /// Partial sums of a parameter that the node that sends most sends in a full step; 1 where its run of
  /// microbatches is one subtree.
  public let subtreesPerNode: Int
  /// Bytes that the optimizer reads and writes for one parameter.
  public let updateBytesPerParameter: Int
  /// What is pruned and when; nil where nothing is.
  public let pruning: PruningSetUp?

  /// Plans a run.
  ///
  /// - Parameters:
  ///   - options: the run.
  ///   - ranks: R.
  ///   - nodes: M, of R / M ranks each, the first ones of one more where that is not whole.
  /// - Throws: what training would throw before its first step.
  public init(_ options: TrainingOptions, ranks: Int, nodes: Int = 1) throws {
    let setUp = try TrainingSetUp(options, ranks: ranks)
    let layout = setUp.model.layout
    let scalar = MemoryLayout<Float>.stride
    name = setUp.configuration.name
    pruning = setUp.pruning
    self.ranks = ranks
    self.nodes = nodes
    subtreesPerNode = Self.subtrees(
      ranks: ranks, nodes: nodes, microbatches: setUp.plan.microbatchesPerStep)
    trainingSamples = setUp.training.count
    (globalBatch, microbatch) = (setUp.plan.global, setUp.plan.micro)
    microbatchesPerStep = setUp.plan.microbatchesPerStep
    stepsPerEpoch = setUp.plan.stepsPerEpoch
    totalSteps = setUp.totalSteps
    (trainableParameters, parameters) = (layout.trainableCount, layout.count)
    residentParameters = layout.residentCount
    layers = setUp.model.layers
    let states = Self.stateArrays(setUp.configuration.optimizer.rule)
    let average = setUp.configuration.train.ema == nil ? 0 : 1
    let levels = Int.bitWidth - max(microbatchesPerStep - 1, 0).leadingZeroBitCount
    let bytes = layout.residentCount * scalar
    // Nodes of fewer ranks have the larger share for each of them.
    let local = ranks / nodes
    var memory = [
      ("weights, one copy per node", bytes * (1 + average) / local),
      ("gradients", bytes * Self.gradientBuffers(setUp, ranks: ranks, local: local)),
      ("partial sums", bytes * (levels + 1) / local),
      ("optimizer state (owned blocks)", bytes * (states + average) / ranks),
      ("copy that a checkpoint is written from", bytes * (1 + states + average) / ranks),
      ("activations, tapes and scratch", setUp.model.arenaBytes),
    ]
    memory += Self.tables(setUp, ranks: ranks) + Self.teachers(setUp, local: local)
    memory += Self.carried(setUp, ranks: ranks) + Self.blocks(setUp, local: local)
    memory += Self.shardedMemory(setUp, states: states, ranks: ranks)
    self.memory = memory
    evaluationArenaBytes = try Self.evaluationArenaBytes(setUp)
    updateBytesPerParameter = Self.updateBytes(setUp.configuration)
    unsparingArenaBytes = try Self.unsparingArenaBytes(setUp)
    operationsPerStep =
      setUp.plan.samples(inStep: 0) * layers.reduce(0) { $0 + $1.operationsPerSample }
  }

  /// Bytes that the optimizer moves for a parameter: gradient and weight are read, the weight written, each state array
  /// read and written.
  static func updateBytes(_ configuration: RunConfiguration) -> Int {
    let states =
      stateArrays(configuration.optimizer.rule) + (configuration.train.ema == nil ? 0 : 1)
    return MemoryLayout<Float>.stride * (3 + 2 * states)
  }

  /// The arena of the same model compiled for evaluation alone.
  private static func evaluationArenaBytes(_ setUp: TrainingSetUp) throws -> Int {
    try Model(
      setUp.configuration.model, fields: setUp.training.fields, capacity: setUp.plan.micro,
      seed: setUp.configuration.seed, purpose: .evaluation
    ).arenaBytes
  }

  /// The arena of the same model that keeps everything, which may be more than the machine has.
  private static func unsparingArenaBytes(_ setUp: TrainingSetUp) throws -> Int? {
    let configuration = setUp.configuration
    guard configuration.train.recompute != .none else { return nil }
    return try Model(
      configuration.model, fields: setUp.training.fields, capacity: setUp.plan.micro,
      seed: configuration.seed, precision: Precision(configuration.train.precision),
      selectable: configuration.evaluate.subsets != nil, lanes: 0,
      hints: setUp.model.hints.map(\.request)
    ).laneBytes
  }

  /// What the tables of filter banks and a mask take, if there are any.
  private static func tables(_ setUp: TrainingSetUp, ranks: Int) -> [(name: String, bytes: Int)] {
    var memory: [(name: String, bytes: Int)] = []
    let banks = setUp.model.tableBytes
    if banks > 0 { memory.append(("matrices of filter banks", banks)) }
    guard setUp.pruning != nil else { return memory }
    if setUp.pruning?.regrowth != nil {
      memory.append(
        (
          "gradients by which weights come back (owned)",
          MemoryLayout<Float>.stride * setUp.model.layout.residentCount / ranks
        ))
    }
    // The bits, the counts before each word, and the words as a checkpoint takes them.
    return memory + [("pruning mask", 3 * setUp.model.layout.count / 8)]
  }

  /// Gradients for which a rank has room.
  private static func gradientBuffers(_ setUp: TrainingSetUp, ranks: Int, local: Int) -> Int {
    Exchange.gradientBuffers(ranks: ranks, local: local, group: setUp.model.synchronizedGroup)
  }

  /// What decoded samples take at most, which the ranks of a node keep together; nothing where all are mapped.
  private static func blocks(_ setUp: TrainingSetUp, local: Int) -> [(name: String, bytes: Int)] {
    let bytes =
      setUp.training.sharedByteCount(setUp.sampler, readers: local)
      + (setUp.validation?.sharedByteCount(nil, readers: local) ?? 0)
    return bytes == 0 ? [] : [("decoded samples, one copy per node", bytes / local)]
  }

  /// What teachers take, and what they say; nothing without any.
  private static func teachers(_ setUp: TrainingSetUp, local: Int) -> [(name: String, bytes: Int)] {
    guard let distillation = setUp.distillation else { return [] }
    return [
      ("teachers' outputs, one copy per node", distillation.tableBytes / local),
      ("teachers, until their outputs are known", distillation.teacherBytes),
    ]
  }

  /// What the states that are carried take, if any are.
  private static func carried(
    _ setUp: TrainingSetUp, ranks: Int
  ) -> [(name: String, bytes: Int)] {
    guard setUp.model.carriedWidth > 0 else { return [] }
    let most = (setUp.plan.microbatchesPerStep + ranks - 1) / ranks * setUp.plan.micro
    let samples = min(most, setUp.plan.global)
    return [
      ("carried states (own microbatches)", StreamStates.bytes(setUp.model, samples: samples))
    ]
  }

  /// The most subtrees that the run of a node consists of.
  private static func subtrees(ranks: Int, nodes: Int, microbatches: Int) -> Int {
    let sizes = (0..<nodes).map { ranks / nodes + ($0 < ranks % nodes ? 1 : 0) }
    let deal = Deal(microbatches: microbatches, topology: Topology(sizes: sizes))
    let counts = deal.runs.map { SummationTree.nodes(covering: $0, of: microbatches).count }
    return counts.max() ?? 0
  }

  /// What a rank holds of sharded tables, of which each scalar has so many states; nothing without any.
  private static func shardedMemory(
    _ setUp: TrainingSetUp, states: Int, ranks: Int
  ) -> [(name: String, bytes: Int)] {
    let layout = setUp.model.layout
    let bytes = (layout.count - layout.residentCount) * MemoryLayout<Float>.stride
    guard bytes > 0 else { return [] }
    return [
      ("sharded rows and their state (owned)", bytes * (1 + states) / ranks),
      ("sharded rows fetched, and gradients", fetchedBytes(setUp, ranks: ranks)),
    ]
  }

  /// The most bytes of rows of sharded tables that a rank fetches for a step, and of their gradients: no id
  /// comes twice.
  private static func fetchedBytes(_ setUp: TrainingSetUp, ranks: Int) -> Int {
    let microbatches = (setUp.plan.microbatchesPerStep + ranks - 1) / ranks
    var scalars = 0
    for (most, table) in zip(setUp.model.mostRowsRead, setUp.model.layout.shardedTables) {
      scalars += 2 * microbatches * min(most, table.rowCount) * table.width
    }
    return scalars * MemoryLayout<Float>.stride
  }

  private static func stateArrays(_ rule: OptimizerConfiguration.Rule) -> Int {
    switch rule {
    case .sgd(let momentum, _): momentum == 0 ? 0 : 1
    case .lars: 1
    case .adam, .adamW, .lamb: 2
    }
  }
}
