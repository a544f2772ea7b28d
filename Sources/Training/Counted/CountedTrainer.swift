import BLAS
import Buffers
import Checkpoints
import Configuration
import CountedModels
import Datasets
import Exchange
import FaultPoints
import Foundation
import MPI
import Metrics
import Parameters
import Reports
import Tensors

/// One counted run on this rank: steps of a ``CountedModels/CountedModel`` with the run folder, log,
/// checkpoints and summary of any other run.
///
/// All ranks make one, from the same configuration, and call ``run()``.
public final class CountedTrainer {
  let world: Communicator
  let options: CountedOptions
  let configuration: CountedRunConfiguration
  let folder: RunFolder
  let setUp: CountedSetUp
  let model: any CountedModel
  let observer: (any TrainingObserver)?
  /// Distinct host names, in rank order.
  let hosts: [String]
  private let startNote: String?
  private let node: Node
  /// Tells what this rank does.
  let clock = StepClock()

  var state = TrainingState()
  var log: JSONLines?
  /// The right to write the run folder; rank 0 only.
  var lock: RunLock?
  /// Writes checkpoints.
  let saver: CheckpointSaver
  /// Chooses the checkpoint to go on from.
  let resumption: Resumption
  /// Whether there is a checkpoint to go on from; equal on all ranks.
  var hasCheckpoint = false
  var lastEvaluation: EvaluationOutcome?
  private var started = 0.0
  private lazy var seen: Result<ItemLists, any Error> = Result { try setUp.seenItems() }

  /// Opens the data, joins the other ranks and reads this rank's share.
  ///
  /// - Parameters:
  ///   - world: all ranks.
  ///   - options: what to fit and where to put it; equal on all ranks.
  ///   - observer: told what happens; used on rank 0 only.
  /// - Throws: the errors of the rooms for what is wrong with configuration or data.
  public init(
    _ world: Communicator, _ options: CountedOptions, observer: (any TrainingObserver)?
  ) throws {
    (self.world, self.options) = (world, options)
    self.observer = world.rank == 0 ? observer : nil
    folder = RunFolder(options.output)
    let setUp = try world.agree {
      try CountedSetUp(options.configuration, relativeTo: options.configurationFolder)
    }
    (self.setUp, configuration) = (setUp, setUp.configuration)
    let facts = try world.agree {
      try RankFacts(
        options: "output \(options.output), fresh \(options.fresh), dry run \(options.dryRun)",
        configuration: setUp.configuration.resolvedYAML, dataset: setUp.dataset.digest,
        host: world.hostName)
    }
    let agreed = try facts.agree(world)
    hosts = agreed.all.reduce(into: []) { if !$0.contains($1.host) { $0.append($1.host) } }
    startNote = agreed.note
    let model = try world.agree { try setUp.model(rank: world.rank, of: world.size) }
    self.model = model
    let checkpoints = CheckpointFolder(folder.checkpoints)
    saver = CheckpointSaver(world, checkpoints)
    node = try Node(world)
    resumption = Resumption(checkpoints)
  }

  /// Steps of the whole run.
  var totalSteps: Int { configuration.factorization.sweeps }

  /// Wall-clock seconds of fitting so far, over all starts of the run.
  var seconds: Double { state.seconds + MPIEnvironment.wallTime - started }

  /// What may not change on resume: the configuration's identity and the data.
  var identityText: String { configuration.identity + "dataset: \(setUp.dataset.digest)\n" }

  /// Fits from the newest checkpoint, or from the initial values, to the end.
  ///
  /// - Returns: how it ended, equal on all ranks.
  /// - Throws: the errors of the rooms, or ``TrainingError``.
  public func run() throws -> RunOutcome {
    observer?.noted(description)
    if let startNote { observer?.noted(startNote) }
    if let note = setUp.dataset.checksumNote { observer?.noted(note) }
    started = MPIEnvironment.wallTime
    guard !options.dryRun else {
      model.initialize()
      return .dryRun(try step())
    }
    guard try openFolder() else { return .alreadyComplete }
    defer { (saver.holder, log, lock) = (nil, nil, nil) }
    defer { resumption.went(to: nil) }
    return try RunWatch(node, folder, limit: configuration.watchdogSeconds, clock).during {
      try runWatched()
    }
  }

  private func runWatched() throws -> RunOutcome {
    try resumeOrInitialize()
    if state.step > 0 { observer?.noted("resuming after step \(state.step)") }
    started = MPIEnvironment.wallTime
    FaultPoint.trainingStarted.reach()
    while state.step < totalSteps {
      clock.begin(step: state.step + 1)
      FaultPoint.stepBegun.reach()
      let request = try advance()
      if request == StopSignal.Request.stop.rawValue, state.step < totalSteps {
        return .interrupted(step: state.step)
      }
      FaultPoint.stepDone.reach()
    }
    return .finished(try finish())
  }

  /// What is about to be fitted, in one sentence.
  private var description: String {
    let settings = configuration.factorization
    return "\(configuration.name): \(settings.method.keyword) with "
      + "\(HumanUnits.counted(settings.factors, "factor")), \(HumanUnits.count(setUp.users)) users, "
      + "\(HumanUnits.count(setUp.items)) items, \(HumanUnits.count(setUp.training.count)) "
      + "training samples, \(HumanUnits.counted(world.size, "rank")) on "
      + HumanUnits.counted(hosts.count, "node")
  }

  /// One step with everything that follows it; the strongest wish of any rank.
  private func advance() throws -> Int {
    let before = MPIEnvironment.wallTime
    clock.enter(.forward)
    let record = try step()
    _ = clock.finishStep()
    state.step += 1
    (state.epoch, state.stepsTaken) = (state.step, state.step)
    let speed = Double(setUp.training.count) / max(MPIEnvironment.wallTime - before, 1e-9)
    if observer != nil {
      try log?.append(
        .object([
          .init("step", .integer(state.step)), .init("epoch", .integer(state.step)),
          .init("loss", .number(record.loss)), .init("samplesPerSecond", .number(speed)),
        ]), telling: observer)
    }
    let last = state.step == totalSteps
    var told = "step \(state.step) of \(totalSteps): loss \(HumanUnits.short(record.loss))"
    if setUp.validation != nil, last || state.step % configuration.evaluate.everySteps == 0 {
      told += try evaluate()
    }
    observer?.noted(told)
    let wish = try world.allReduce(Int64(StopSignal.request.rawValue), by: .maximum)
    resumption.went(to: state.step)
    let every = configuration.checkpoint.everySteps ?? 1
    if last || wish > 0 || state.step % every == 0 {
      try save(mustSucceed: last || wish == StopSignal.Request.stop.rawValue)
    }
    if wish == 1 { StopSignal.clearSave() }
    return Int(wish)
  }

  /// One step of the model.
  private func step() throws -> StepRecord {
    try model.step(world)
    let record = StepRecord(
      step: state.step, epoch: state.step, loss: model.loss, learningRate: 0, gradientNorm: 0,
      samples: setUp.training.count, skipped: false)
    try world.agree {
      guard record.loss.isFinite else {
        throw TrainingError(
          .nonFinite,
          "the loss of step \(state.step + 1) is \(record.loss); look for huge values in the data")
      }
    }
    return record
  }

  /// Measures the validation split and logs it; what to tell a person.
  private func evaluate() throws -> String {
    guard let validation = setUp.validation else { return "" }
    clock.enter(.evaluation)
    defer { clock.enter(.other) }
    let outcome = try measure(validation)
    lastEvaluation = outcome
    guard observer != nil else { return "" }
    var members: [JSONValue.Member] = [
      .init("step", .integer(state.step)), .init("epoch", .integer(state.step)),
      .init("split", "validation"),
    ]
    for metric in outcome.named {
      members.append(.init(metric.name, metric.value.map { .number($0) } ?? .null))
    }
    try log?.append(.object(members), telling: observer)
    let values = outcome.named.compactMap { metric in
      metric.value.map { "\(metric.name) \(HumanUnits.short($0))" }
    }
    return "; validation \(values.joined(separator: ", "))"
  }

  /// Measures a split with the parameters as they are.
  func measure(_ split: Split) throws -> EvaluationOutcome {
    let seen: ItemLists = try world.agree { try self.seen.get() }
    return try CountedMeasure(configuration: configuration, seen: seen)
      .measure(split, store: model.store, metrics: [], world)
  }
}

/// What to fit and where to put it.
public struct CountedOptions: Sendable {
  /// The configuration as decoded.
  public var configuration: CountedRunConfiguration
  /// The folder that relative paths of the configuration start from.
  public var configurationFolder: String
  /// The run folder.
  public var output: String
  /// Whether an existing run folder is renamed aside first.
  public var fresh: Bool
  /// Whether to stop after all checks and one step, keeping nothing.
  public var dryRun: Bool
  /// What the program calls itself, for the record.
  public var version: String

  /// Options from their parts.
  public init(
    configuration: CountedRunConfiguration, configurationFolder: String, output: String,
    fresh: Bool, dryRun: Bool, version: String
  ) {
    self.configuration = configuration
    self.configurationFolder = configurationFolder
    self.output = output
    self.fresh = fresh
    self.dryRun = dryRun
    self.version = version
  }
}
