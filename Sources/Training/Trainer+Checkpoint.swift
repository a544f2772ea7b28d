import BLAS
import Checkpoints
import FaultPoints
import Foundation
import MPI
import Optimizers
import Parameters
import Tensors

extension Trainer {
  /// Writes a checkpoint where the configuration, the best metric, the end or a person asks for one.
  ///
  /// - Parameters:
  ///   - measured: whether the step just done was evaluated, and if so whether it is the best.
  ///   - last: whether the run ends with this step.
  ///   - asked: whether a signal or the clock asked to save.
  /// - Throws: what ``save(waiting:)`` throws.
  func saveIfDue(measured: Bool?, last: Bool, asked: Bool) throws {
    let rule = configuration.checkpoint
    var due = last || asked || measured == true
    if let every = rule.everySteps { due = due || state.step % every == 0 }
    if rule.everySteps == nil, !rule.isTimed {
      due =
        due || measured != nil
        || (validation == nil && state.step % plan.stepsPerEpoch == 0)
    }
    if due { try save(waiting: last) }
    if asked { StopSignal.clearSave() }
  }

  /// Begins a checkpoint of the state after `state.step` steps, which will exist whole or not at all.
  ///
  /// - Parameter waiting: whether it must exist when this returns.
  /// - Throws: ``AgreedFailure`` where one cannot be written for another reason than a full disk, or
  ///   where `waiting` for any.
  func save(waiting: Bool) throws {
    clock.enter(.checkpoint)
    defer { clock.enter(.other) }
    try finishSaving(mustSucceed: false)
    try refuseNonFiniteState()
    state.epoch = state.step / plan.stepsPerEpoch
    state.stepsTaken = optimizer.stepsTaken
    state.hasAverage = optimizer.averagedWeights != nil
    state.noise = noise.moments
    state.infeasible = try infeasibleSoFar()
    state.logBytes = log?.offset ?? 0
    bestUnderWay = state.bestStep == state.step ? best : nil
    var saved = state
    saved.seconds = seconds
    let rule = configuration.checkpoint
    saver.start(
      CheckpointSaver.Order(
        manifest: manifest(saved),
        retention: Retention(
          keep: rule.keep, keepEvery: rule.keepEvery, best: state.bestStep,
          passedOver: resumption.passedOver),
        bytes: checkpointBytes),
      ownedArrays())
    lastSaveTime = StepClock.now()
    if waiting { try finishSaving(mustSucceed: true) }
  }

  /// Waits for the checkpoint under way; collective.
  ///
  /// A rank that waits for its own thread waits for nobody: to the watchdog it is the one that writes.
  func finishSaving(mustSucceed: Bool) throws {
    try take(try saver.finish(), mustSucceed: mustSucceed)
  }

  /// Goes on with the checkpoint under way, if every rank has told that it is done with its part.
  func advanceSaving(allDone: Bool) throws {
    guard allDone, saver.isBusy else { return }
    clock.enter(.checkpoint)
    defer { clock.enter(.other) }
    try take(try saver.advance(), mustSucceed: false)
  }

  private func take(_ progress: CheckpointSaver.Progress, mustSucceed: Bool) throws {
    try saver.tell(progress, observer, orEnd: mustSucceed || !hasCheckpoint)
    switch progress {
    case .going: break
    case .committed(let step, _):
      hasCheckpoint = true
      if bestUnderWay?.step == step { writtenBest = bestUnderWay }
      resumption.saved(step: step)
    case .failed(let failure):
      // The best is the best of those that exist: it is what stays, and what is evaluated.
      if state.bestStep == failure.step {
        (state.bestMetric, state.bestStep) = (writtenBest?.metric, writtenBest?.step)
      }
    }
  }

  /// The best step so far with its value.
  private var best: (metric: Double, step: Int)? {
    guard let metric = state.bestMetric, let step = state.bestStep else { return nil }
    return (metric, step)
  }

  /// What this rank tells the others with each step: the strongest wish, and whether it is done saving.
  var stepWish: Double {
    var request = StopSignal.request
    if request == .none, world.rank == 0, isSavingTimeUp { request = .save }
    return Double(request.rawValue + (saver.isDone ? StepTable.doneMark : 0))
  }

  /// Whether the clock asks for a checkpoint.
  private var isSavingTimeUp: Bool {
    let rule = configuration.checkpoint
    guard rule.isTimed, !saver.isBusy else { return false }
    let elapsed = Double(StepClock.now() - max(lastSaveTime, started)) * 1e-9
    if let seconds = rule.everySeconds { return elapsed >= seconds }
    // Before the first one nobody knows what it costs.
    guard let share = rule.overhead, let cost = saver.lastCost else { return elapsed >= 30 }
    return elapsed >= cost / share
  }

  /// Bytes of all shards together.
  private var checkpointBytes: Int {
    MemoryLayout<Float>.stride
      * (model.layout.count * (1 + optimizer.statesPerParameter + wireStatesPerParameter)
        + (carried?.count ?? 0)) + (pruner?.checkpointBytes ?? 0)
  }

  private func manifest(_ state: TrainingState) -> CheckpointManifest {
    var manifest = CheckpointManifest(
      state: state, parameterCount: model.layout.count, shards: [])
    manifest.tensors = model.layout.slots.map(TensorPlace.init)
    var lengths = pruner?.lengths ?? [:]
    if let carried { lengths[StreamStates.arrayName] = carried.count }
    if !lengths.isEmpty { manifest.lengths = lengths }
    let stepInEpoch = state.step % plan.stepsPerEpoch
    manifest.position = stepInEpoch * plan.global
    manifest.configurationIdentity = identityDigest
    manifest.configuration = configuration.resolvedYAML
    manifest.datasetDigest = dataset.digest
    manifest.worldSize = world.size
    manifest.program = program
    manifest.kernels = Kernels.name
    manifest.coreType = BLAS.coreType
    for metric in lastEvaluation?.named ?? [] { manifest.metrics[metric.name] = metric.value }
    return manifest
  }

  /// What this rank's shard holds: its part of the parameters, its optimizer state, and the recurrent states of its
  /// microbatches.
  func ownedArrays() -> [ShardArray] {
    var arrays = exchange.owned.stretches.map {
      ShardArray(name: "parameters", range: $0.range, base: store.base + $0.range.lowerBound)
    }
    for part in optimizer.state {
      arrays.append(ShardArray(name: part.name, range: part.range, base: part.base))
    }
    for part in exchange.wireState {
      arrays.append(ShardArray(name: part.name, range: part.range, base: part.base))
    }
    for part in carried?.parts ?? [] {
      arrays.append(
        ShardArray(name: StreamStates.arrayName, range: part.range, base: part.base))
    }
    return arrays + rowArrays + (pruner?.arrays(after: state.step) ?? [])
  }

  /// Starts from the newest checkpoint that verifies, or from the initial values.
  func resumeOrInitialize() throws {
    guard let checkpoint = try resumption.choose(world, observer) else {
      guard !hasCheckpoint else {
        return try world.agree {
          throw CheckpointError(
            .missing, "the checkpoints that this run has written to \(folder.path) are gone")
        }
      }
      // What a start logged that died before its first checkpoint is done again.
      try world.agree { try log?.truncate(to: 0) }
      return try initialize()
    }
    try world.agree { try restore(checkpoint) }
  }

  /// Fills the store with initial values, by initialisers or from a file.
  func initialize() throws {
    if let beginning = options.beginning { return try begin(from: beginning) }
    initializeRows()
    try world.agree {
      // The ranks of a node share the values: the first of them writes.
      guard exchange.node.seat.localRank == 0 else { return }
      model.initialize(store)
      guard let source = configuration.initialize else { return }
      let path = options.resolve(source.from)
      _ = try InitialValues.load(into: store, from: path, source)
    }
    pruner?.reset()
    constrainer?.restore(state)
    try pruneIfDue()
  }

  /// Loads parameters once per node and optimizer state at its owners, from whichever shards hold them.
  private func restore(_ checkpoint: Checkpoint) throws {
    state = checkpoint.manifest.state
    (hasCheckpoint, writtenBest) = (true, best)
    noise.moments = state.noise ?? TrainingState.NoiseMoments()
    infeasible.begin(with: state.infeasible, model)
    if exchange.node.seat.localRank == 0 {
      for range in model.layout.residentRanges {
        try checkpoint.read("parameters", range, into: store.base + range.lowerBound)
      }
    }
    try restoreRows(checkpoint)
    for part in optimizer.state {
      try checkpoint.read(part.name, part.range, into: part.base)
    }
    optimizer.stepsTaken = state.stepsTaken
    for part in carried?.parts ?? [] {
      try checkpoint.read(StreamStates.arrayName, part.range, into: part.base)
    }
    try restoreWire(checkpoint)
    try pruner?.restore(checkpoint)
    constrainer?.restore(state)
    memoryCheck.mask = pruner?.mask
    let (kernels, coreType) = (checkpoint.manifest.kernels, checkpoint.manifest.coreType)
    if (kernels, coreType) != (Kernels.name, BLAS.coreType) {
      observer?.noted(
        "the checkpoint was made with kernels \(kernels) and OpenBLAS \(coreType), this start has "
          + "\(Kernels.name) and \(BLAS.coreType): the last bits will differ")
    }
    if let other = checkpoint.manifest.program, other != program {
      observer?.noted(
        "the checkpoint was made by another build of the program: the last bits may differ")
    }
    if let note = try log?.cut(to: state.logBytes) { observer?.noted(note) }
    FaultPoint.checkpointLoaded.reach()
  }
}
