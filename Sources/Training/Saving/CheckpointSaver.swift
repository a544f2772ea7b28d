import Buffers
import Checkpoints
import FaultPoints
import MPI
import Reports

/// Writes checkpoints behind the training's back, one at a time.
///
/// ``start(_:_:)`` copies what this rank owns; from then on training may change it. A thread of each rank
/// does the rest in stages, and calls no MPI: rank 0 makes the folder; every rank writes its shard; rank 0
/// commits. Every step of the training carries whether this rank's thread is done, so all ranks know at
/// the same step that a stage is over and call ``advance()``. ``finish()`` waits instead.
final class CheckpointSaver {
  /// What is saved, equal on all ranks but for what only rank 0 uses.
  struct Order: Sendable {
    /// Everything but the shards.
    var manifest: CheckpointManifest
    /// Which checkpoints stay afterwards.
    var retention: Retention
    /// Bytes of all shards together.
    var bytes: Int
  }

  /// How far the checkpoint under way has come, equal on all ranks.
  enum Progress {
    /// There is none, or it goes on.
    case going
    /// It exists; a sentence where an old one could not be deleted.
    case committed(step: Int, note: String?)
    /// It was given up; those that existed still do.
    case failed(SavingFailure)
  }

  private enum Stage { case idle, beginning, writing, committing }

  let world: Communicator
  private let folder: CheckpointFolder
  private let staging = ShardStaging()
  private var stage = Stage.idle
  private var order: Order?
  private var staged: [ShardArray] = []
  private var records: [ShardRecord] = []
  private var job: BackgroundJob<SavingReport>?
  /// What only rank 0 has: the right to write, and the log that must be on disk before a commit.
  var holder: (lock: RunLock, log: JSONLines)?

  /// What checkpoints have cost this rank so far.
  private(set) var cost = CheckpointCost()
  /// Seconds that the last checkpoint cost this rank, nil before the first.
  private(set) var lastCost: Double?
  private var costBefore = 0.0

  /// A saver with nothing under way.
  init(_ world: Communicator, _ folder: CheckpointFolder) {
    self.world = world
    self.folder = folder
  }

  /// Whether a checkpoint is under way; equal on all ranks.
  var isBusy: Bool { stage != .idle }

  /// Whether this rank has done its part of the stage.
  var isDone: Bool { job?.isDone ?? true }

  /// Takes the memory for the copies, beside what goes on.
  ///
  /// - Parameter arrays: what this rank will save.
  func reserve(_ arrays: [ShardArray]) {
    staging.reserve(arrays.reduce(0) { $0 + $1.range.count })
  }

  /// Copies what this rank saves and begins; ranks need not meet.
  ///
  /// - Parameters:
  ///   - order: what all ranks save.
  ///   - arrays: what this rank owns; free to change when this returns.
  /// - Cost: one pass over `arrays`.
  /// - Precondition: nothing is under way.
  func start(_ order: Order, _ arrays: [ShardArray]) {
    precondition(stage == .idle, "a checkpoint is under way")
    costBefore = cost.seconds
    let before = StepClock.now()
    staged = staging.copy(arrays)
    self.order = order
    cost.copySeconds += Double(StepClock.now() - before) * 1e-9
    cost.copiedBytes += arrays.reduce(0) { $0 + $1.range.count } * MemoryLayout<Float>.stride
    FaultPoint.checkpointStaged.reach()
    stage = .beginning
    guard let holder else { return }
    let context = Context(folder: folder, lock: holder.lock, log: holder.log)
    job = BackgroundJob("checkpoint") { .of { try context.begin(order) } }
  }

  /// Goes on to the next stage when all ranks have done their part; waits for those that have not.
  ///
  /// Collective.
  ///
  /// - Returns: what came of the stage, equal on all ranks.
  /// - Throws: `MPIError`.
  func advance() throws -> Progress {
    guard let order else { return .going }
    let reports = try exchangeReports()
    if let failure = SavingFailure(reports, step: order.manifest.step) {
      if world.rank == 0 { folder.abandon(folder.pending(step: order.manifest.step)) }
      end()
      return .failed(failure)
    }
    switch stage {
    case .idle: break
    case .beginning: write(order)
    case .writing:
      records = reports.compactMap(\.record)
      FaultPoint.shardsAgreed.reach()
      commit(order)
    case .committing:
      lastCost = cost.seconds - costBefore
      cost.written += 1
      end()
      return .committed(step: order.manifest.step, note: reports.lazy.compactMap(\.note).first)
    }
    return .going
  }

  /// Waits until nothing is under way; collective.
  ///
  /// - Returns: what came of it; `.going` if there was nothing.
  /// - Throws: `MPIError`.
  func finish() throws -> Progress {
    let before = StepClock.now()
    defer { cost.waitSeconds += Double(StepClock.now() - before) * 1e-9 }
    while isBusy {
      let progress = try advance()
      if case .going = progress { continue }
      return progress
    }
    return .going
  }

  private func write(_ order: Order) {
    stage = .writing
    let context = ShardContext(
      folder: folder, staging: staging, arrays: staged, rank: world.rank, ranks: world.size)
    job = BackgroundJob("checkpoint") { .of { try context.write(order) } }
  }

  private func commit(_ order: Order) {
    stage = .committing
    guard let holder else { return }
    let context = Context(folder: folder, lock: holder.lock, log: holder.log)
    job = BackgroundJob("checkpoint") { [records] in
      .of { try context.commit(order, records) }
    }
  }

  private func end() {
    stage = .idle
    (order, staged, records) = (nil, [], [])
  }

  /// Every rank's report of the stage, in rank order.
  private func exchangeReports() throws -> [SavingReport] {
    var report = SavingReport()
    if let job {
      report = SavingReport.of { try job.wait() }
      cost.threadSeconds += job.processorSeconds
    }
    job = nil
    return try world.allGatherBytes(report.encoded()).map(SavingReport.init(decoding:))
  }
}

/// What rank 0's thread needs; the compute thread touches none of it in a way that matters here.
private struct Context: @unchecked Sendable {
  let folder: CheckpointFolder
  let lock: RunLock
  let log: JSONLines

  func begin(_ order: CheckpointSaver.Order) throws -> SavingReport {
    try lock.verify()
    try log.synchronize(through: order.manifest.state.logBytes)
    _ = try folder.begin(step: order.manifest.step, expectedBytes: order.bytes)
    return SavingReport()
  }

  func commit(
    _ order: CheckpointSaver.Order, _ records: [ShardRecord]
  ) throws -> SavingReport {
    let pending = folder.pending(step: order.manifest.step)
    var manifest = order.manifest
    manifest.shards = records
    try lock.verify()
    try folder.commit(pending, manifest: manifest)
    var report = SavingReport()
    do {
      try folder.retain(order.retention, after: order.manifest.step)
    } catch {
      report.note = "an old checkpoint cannot be deleted: \(error)"
    }
    return report
  }
}

/// What the thread that writes a shard needs; the staged copy is its alone until it is done.
private struct ShardContext: @unchecked Sendable {
  let folder: CheckpointFolder
  let staging: ShardStaging
  let arrays: [ShardArray]
  let rank: Int
  let ranks: Int

  func write(_ order: CheckpointSaver.Order) throws -> SavingReport {
    var report = SavingReport()
    report.record = try folder.writeShard(
      in: folder.pending(step: order.manifest.step), index: rank, of: ranks, arrays: arrays)
    return report
  }
}
