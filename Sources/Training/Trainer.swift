import BLAS
import Checkpoints
import Configuration
import Datasets
import Exchange
import MPI
import Metrics
import Models
import Optimizers
import Parameters
import Reports
import Tensors

/// One run on this rank: the only object that knows all rooms.
///
/// All ranks make one, from the same configuration, and call ``run()``. Every decision rests on
/// numbers that all ranks share, so they act alike without asking each other.
public final class Trainer {
  let world: Communicator
  let options: TrainingOptions
  let configuration: RunConfiguration
  let folder: RunFolder
  let observer: (any TrainingObserver)?

  let dataset: Dataset
  let training: Split
  let validation: Split?
  let plan: BatchPlan
  let sampler: Sampler
  let model: Model
  let exchange: Exchange
  let optimizer: Optimizer
  let schedule: Schedule
  let totalSteps: Int
  let table: StepTable
  let memoryCheck: MemoryCheck
  /// What divisors of losses depend on, of a global batch, if on more than its size.
  let globalFacts: Microbatch?
  /// Which rows of lazily moved tables the current step touches.
  let touched: TouchedRows
  /// The tables of which every row lies on one rank, if there are any.
  let rowParts: RowParts?
  /// The only microbatch of the current step, if this rank computed it, until the gradient is measured.
  var unmeasured: Microbatch?
  /// Microbatches of the step that are read and not computed yet, where rows are fetched for them.
  var held: [Microbatch] = []
  /// This rank's microbatches of the group that is being seated, and where their gradients go.
  var members: [Microbatch] = []
  var memberGradients: [UnsafePointer<Float>] = []
  /// Where members of a group meet, if batch norm is synchronised.
  let meeting: GroupMeeting?
  /// The contrast over the global batch, if modalities are coupled.
  let couplingStep: CouplingStep?

  /// What is pruned while the run trains, if anything is.
  let pruner: Pruner?

  /// What weights are held to after every step, if to anything.
  let constrainer: Constrainer?

  /// From whom the run learns, if it has teachers.
  var distillation: DistillationSetUp?

  /// The recurrent states of this rank's microbatches, if any are carried.
  let carried: StreamStates?

  /// The weights, once per node.
  var store: ParameterStore { exchange.store }

  /// What a training pass tells on its way.
  private(set) lazy var progress = PassProgress(self)

  /// How heads that transcribe are read when they are measured.
  private(set) lazy var transcriber = Transcriber(configuration, dataset)

  var state: TrainingState
  let clock = StepClock()
  /// The node's status board and the watchdog, while the run goes on.
  var watch: RunWatch?
  /// The times of all ranks' steps, while the run goes on.
  var timing: TimingGather?
  let noise: NoiseScale
  var log: JSONLines?
  /// Weights to evaluate when they are not those of the store: the moving average.
  var averaged: ParameterStore?
  var lastEvaluation: EvaluationResult?
  /// Samples whose ids need more steps than there are.
  var infeasible = InfeasibleCount()
  /// How many of a head a person was told of last.
  var toldInfeasible: [String: Int] = [:]
  /// What this rank saw in its microbatches of the current step.
  var evidence = StepEvidence()
  /// The step past which the run goes back, decided by the step just done.
  var goingBackPast: Int?
  /// The right to write the run folder; rank 0 only.
  var lock: RunLock?
  /// Writes checkpoints.
  let saver: CheckpointSaver
  /// Chooses the checkpoint to go on from.
  let resumption: Resumption
  /// Whether there is a checkpoint to go on from; equal on all ranks.
  var hasCheckpoint = false
  /// The best step among those whose checkpoint exists, with its value; equal on all ranks.
  var writtenBest: (metric: Double, step: Int)?
  /// The best step if its checkpoint is the one under way.
  var bestUnderWay: (metric: Double, step: Int)?
  /// When the last checkpoint was begun.
  var lastSaveTime = 0
  var started = 0
  /// Distinct host names, in rank order.
  let hosts: [String]
  /// The SHA-256 of the program's file.
  let program: String
  /// What ranks had to agree on at the start, for a person.
  let startNote: String?

  /// Compiles the model and joins the other ranks.
  ///
  /// - Parameters:
  ///   - world: all ranks.
  ///   - options: what to train and where to put it; equal on all ranks.
  ///   - observer: told what happens; used on rank 0 only.
  /// - Throws: the errors of the rooms for what is wrong with configuration or data.
  public init(
    _ world: Communicator, _ options: TrainingOptions, observer: (any TrainingObserver)?
  ) throws {
    self.world = world
    self.observer = world.rank == 0 ? observer : nil
    folder = RunFolder(options.output)
    let options = options.withRecordedChoices()
    self.options = options
    let setUp = try Self.makeSetUp(world, options)
    let facts = try world.agree { try RankFacts(options, setUp, host: world.hostName) }
    let agreed = try facts.agree(world)
    hosts = agreed.all.reduce(into: []) { if !$0.contains($1.host) { $0.append($1.host) } }
    (startNote, program) = (agreed.note, facts.program)
    (dataset, training, validation) = (setUp.dataset, setUp.training, setUp.validation)
    (plan, sampler) = (setUp.plan, setUp.sampler)
    (totalSteps, distillation) = (setUp.totalSteps, setUp.distillation)
    model = setUp.model
    exchange = try Self.makeExchange(world, setUp)
    var settings = setUp.configuration
    settings.exchange.bucketMiB = Double(exchange.plan.bucketBytes) / Double(1 << 20)
    configuration = settings
    let (layout, blocks) = (model.layout, exchange.owned)
    touched = TouchedRows(layout)
    optimizer = try world.agree { [settings, touched] in
      try Optimizer(
        settings.optimizer, layout: layout, blocks: blocks, ema: settings.train.ema,
        touched: touched)
    }
    schedule = setUp.schedule
    pruner = try Pruner(setUp.pruning, exchange, optimizer)
    constrainer = Constrainer(setUp.constraint, exchange, optimizer)
    memoryCheck = try MemoryCheck(every: settings.distributed.checkEvery, exchange, optimizer)
    table = try StepTable(exchange, setUp: setUp, optimizer: optimizer)
    globalFacts = Self.makeGlobalFacts(setUp)
    rowParts = Self.makeRows(exchange, setUp, optimizer)
    meeting = try GroupMeeting(exchange, setUp)
    couplingStep = try CouplingStep(exchange, setUp)
    carried = StreamStates(model, plan, microbatches: Self.fullShare(exchange, setUp))
    noise = NoiseScale(microbatches: setUp.plan.microbatchCount(ofStep: 0))
    saver = CheckpointSaver(world, CheckpointFolder(folder.checkpoints))
    (resumption, state) = (Resumption(CheckpointFolder(folder.checkpoints)), TrainingState())
    if configuration.train.ema != nil { averaged = try exchange.makeStore(name: "aimass-average") }
    try shareInput()
  }
}

/// What to train and where to put it.
public struct TrainingOptions: Sendable {
  /// The configuration as decoded.
  public var configuration: RunConfiguration
  /// The folder that relative paths of the configuration start from.
  public var configurationFolder: String
  /// The run folder.
  public var output: String
  /// Whether an existing run folder is renamed aside first.
  public var fresh: Bool
  /// Whether to stop after all checks and one step, keeping nothing.
  public var dryRun: Bool
  /// Whether to record events and write `trace.json`.
  public var trace: Bool
  /// What the program calls itself, for the record.
  public var version: String
  /// What the run begins with instead of initial values; kept in a checkpoint before the first step.
  public var beginning: Beginning?

  /// Options from their parts.
  public init(
    configuration: RunConfiguration, configurationFolder: String, output: String,
    fresh: Bool = false, dryRun: Bool = false, trace: Bool = false, version: String,
    beginning: Beginning? = nil
  ) {
    self.beginning = beginning
    self.configuration = configuration
    self.configurationFolder = configurationFolder
    self.output = output
    self.fresh = fresh
    self.dryRun = dryRun
    self.trace = trace
    self.version = version
  }

  /// The options with the microbatch and the order of samples that the run folder records, where the configuration
  /// leaves them out: they follow from the ranks and the memory of the first start, not from those of this one.
  func withRecordedChoices() -> TrainingOptions {
    guard !fresh, configuration.batch.micro == nil || configuration.data.shuffle == nil,
      let recorded = try? RunConfiguration.load(path: RunFolder(output).configuration)
    else { return self }
    var options = self
    options.configuration.batch.micro = configuration.batch.micro ?? recorded.batch.micro
    options.configuration.data.shuffle = configuration.data.shuffle ?? recorded.data.shuffle
    return options
  }

  /// A path of the configuration, relative to its folder.
  func resolve(_ path: String) -> String {
    path.hasPrefix("/") ? path : "\(configurationFolder)/\(path)"
  }
}
