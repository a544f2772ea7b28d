import Configuration
import Exchange
import MPI

extension Trainer {
  /// Opens the data and compiles the model on all ranks; collective.
  static func makeSetUp(_ world: Communicator, _ options: TrainingOptions) throws -> TrainingSetUp {
    // How samples are read follows from it, and must be the same everywhere.
    let memory = try world.allReduce(Int64(TrainingSetUp.memoryBytes()), by: .minimum)
    return try world.agree {
      try TrainingSetUp(options, ranks: world.size, memoryBytes: Int(memory))
    }
  }

  /// Which threads of a rank will call MPI, decided before MPI starts from what its launcher says.
  ///
  /// - Parameters:
  ///   - settings: of the run.
  ///   - threads: those that a rank computes on; nil for its share of the cores.
  /// - Returns: `multiple` where messages are to be moved by a thread of their own.
  public static func threadLevel(
    for settings: RunConfiguration, threads: Int?
  ) -> ThreadLevel {
    switch settings.exchange.progress {
    case .thread: return .multiple
    case .layers: return .funneled
    case .auto:
      guard let launch = MPIEnvironment.launchedRanks, launch.local < launch.all else {
        return .funneled
      }
      let here = Placement.ofThisProcess
      let each = threads ?? here.threads(ranks: launch.local)
      return here.cores > launch.local * each ? .multiple : .funneled
    }
  }

  /// The nodes, as far as the configuration lets ranks share memory.
  private static func node(
    _ world: Communicator, _ copies: ExchangeConfiguration.Copies
  ) throws -> Node {
    guard copies == .rank else { return try Node(world) }
    return try Node(world, machine: world.split(color: Int32(world.rank), key: 0))
  }

  /// The configured bucket, or the one that a few exchanges show to be best.
  private static func bucketBytes(_ node: Node, _ setUp: TrainingSetUp) throws -> Int {
    let settings = setUp.configuration.exchange
    if let size = settings.bucketMiB { return Int(size * Double(1 << 20)) }
    // In other forms bits depend on who owns what, and so on the buckets: not on a measurement, then.
    guard settings.wire == .float32 else { return 4 << 20 }
    return try BucketMeasurement.run(node, layout: setUp.model.layout)
  }

  /// Joins the other ranks in the exchange that the configuration asks for; collective.
  static func makeExchange(_ world: Communicator, _ setUp: TrainingSetUp) throws -> Exchange {
    let settings = setUp.configuration.exchange
    let node = try node(world, settings.copies)
    let exchange = try Exchange(
      node, layout: setUp.model.layout, bucketBytes: bucketBytes(node, setUp),
      group: setUp.model.synchronizedGroup, wire: WireFormat(settings.wire))
    if world.threadLevel == .multiple { exchange.progressThread = try ProgressThread(world) }
    return exchange
  }

  /// This rank's microbatches of a full step.
  static func fullShare(_ exchange: Exchange, _ setUp: TrainingSetUp) -> [Int] {
    let deal = Deal(
      microbatches: setUp.plan.microbatchesPerStep, topology: exchange.node.topology,
      group: setUp.model.synchronizedGroup)
    return Array(deal.share(of: exchange.node.seat))
  }
}
