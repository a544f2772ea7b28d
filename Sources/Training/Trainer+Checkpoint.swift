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
  ///   - asked: whether a signal asked to save.
  /// - Throws: what ``save()`` throws.
  func saveIfDue(measured: Bool?, last: Bool, asked: Bool) throws {
    var due = last || asked || measured == true
    if let every = configuration.checkpoint.everySteps {
      due = due || state.step % every == 0
    } else {
      due =
        due || measured != nil
        || (validation == nil && state.step % plan.stepsPerEpoch == 0)
    }
    if due { try save() }
    if asked { StopSignal.clearSave() }
  }

  /// Writes a checkpoint of the state after `state.step` steps, whole or not at all.
  ///
  /// Every rank writes the blocks it owns; rank 0 commits after all shards are safe on disk.
  func save() throws {
    clock.enter(.checkpoint)
    defer { clock.enter(.other) }
    state.epoch = state.step / plan.stepsPerEpoch
    state.stepsTaken = optimizer.stepsTaken
    state.hasAverage = optimizer.averagedWeights != nil
    state.noise = noise.moments
    state.logBytes = log?.offset ?? 0
    var saved = state
    saved.seconds = seconds
    let checkpoints = CheckpointFolder(folder.checkpoints)
    let pending = checkpoints.pending(step: state.step)
    try agreeWatched {
      guard world.rank == 0 else { return }
      try lock?.verify()
      try log?.synchronize()
      _ = try checkpoints.begin(step: state.step, expectedBytes: checkpointBytes)
    }
    let record = try agreeWatched {
      try checkpoints.writeShard(
        in: pending, index: world.rank, of: world.size, arrays: ownedArrays())
    }
    let shards = try gather(record)
    FaultPoint.shardsAgreed.reach()
    let digest = rowParts == nil ? nil : try parametersDigest()
    try agreeWatched {
      guard world.rank == 0 else { return }
      try checkpoints.commit(
        pending, manifest: manifest(saved, shards: shards, digest: digest ?? store.digest))
      try checkpoints.retain(keep: configuration.checkpoint.keep, best: state.bestStep)
    }
    observer?.saved(step: state.step)
  }

  /// Bytes of all shards together.
  private var checkpointBytes: Int {
    MemoryLayout<Float>.stride
      * (model.layout.count * (1 + optimizer.statesPerParameter + wireStatesPerParameter)
        + (carried?.count ?? 0))
  }

  /// Every rank's record, in rank order, on rank 0; elsewhere none.
  private func gather(_ record: ShardRecord) throws -> [ShardRecord] {
    let mine = Array(try JSONEncoder().encode(record))
    let all = try world.gatherBytes(mine, root: 0) ?? []
    return try all.map { try JSONDecoder().decode(ShardRecord.self, from: Data($0)) }
  }

  private func manifest(
    _ state: TrainingState, shards: [ShardRecord], digest: String
  ) -> CheckpointManifest {
    var manifest = CheckpointManifest(
      state: state, parameterCount: model.layout.count, parametersDigest: digest,
      shards: shards)
    if let carried { manifest.lengths = [StreamStates.arrayName: carried.count] }
    let stepInEpoch = state.step % plan.stepsPerEpoch
    manifest.position = stepInEpoch * plan.global
    manifest.configurationIdentity = identityDigest
    manifest.configuration = configuration.resolvedYAML
    manifest.datasetDigest = dataset.digest
    manifest.worldSize = world.size
    manifest.kernels = Kernels.name
    manifest.coreType = BLAS.coreType
    for metric in lastEvaluation?.named ?? [] { manifest.metrics[metric.name] = metric.value }
    return manifest
  }

  /// What this rank's shard holds: its part of the parameters, its optimizer state, and the recurrent states of its
  /// microbatches.
  private func ownedArrays() -> [ShardArray] {
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
    return arrays + rowArrays
  }

  /// Starts from the newest checkpoint that verifies, or from the initial values.
  func resumeOrInitialize() throws {
    let checkpoints = CheckpointFolder(folder.checkpoints)
    let found = try world.agree { () -> Checkpoint? in
      guard world.rank == 0 else { return nil }
      try checkpoints.prepare()
      return try checkpoints.loadNewestValid()
    }
    found?.rejected.forEach { observer?.noted("passed over a damaged checkpoint: \($0)") }
    let step = Int(try world.broadcast(Int64(found?.manifest.step ?? -1), root: 0))
    guard step >= 0 else { return try initialize() }
    FaultPoint.checkpointChosen.reach()
    // Rank 0 has verified every file; the others need not read them all again.
    try world.agree { try restore(found ?? checkpoints.open(step: step, verifying: false)) }
  }

  /// Fills the store with initial values, by initialisers or from a file.
  func initialize() throws {
    initializeRows()
    try world.agree {
      // A start that died before its first checkpoint has left lines.
      try log?.truncate(to: 0)
      // The ranks of a node share the values: the first of them writes.
      guard exchange.node.seat.localRank == 0 else { return }
      model.initialize(store)
      guard let source = configuration.initialize else { return }
      let path = options.resolve(source.from)
      _ = try InitialValues.load(into: store, from: path, source)
    }
  }

  /// Loads parameters once per node and optimizer state at its owners, from whichever shards hold them.
  private func restore(_ checkpoint: Checkpoint) throws {
    state = checkpoint.manifest.state
    noise.moments = state.noise ?? TrainingState.NoiseMoments()
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
    let (kernels, coreType) = (checkpoint.manifest.kernels, checkpoint.manifest.coreType)
    if (kernels, coreType) != (Kernels.name, BLAS.coreType) {
      observer?.noted(
        "the checkpoint was made with kernels \(kernels) and OpenBLAS \(coreType), this start has "
          + "\(Kernels.name) and \(BLAS.coreType): the last bits will differ")
    }
    try log?.truncate(to: state.logBytes)
    FaultPoint.checkpointLoaded.reach()
  }
}
