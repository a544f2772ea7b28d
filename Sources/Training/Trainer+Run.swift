import Checkpoints
import Configuration
import Datasets
import Exchange
import FaultPoints
import Reports
import Tensors

extension Trainer {
  /// Trains from the newest checkpoint, or from the initial values, to the end.
  ///
  /// - Returns: how it ended, equal on all ranks.
  /// - Throws: the errors of the rooms, or ``TrainingError``.
  public func run() throws -> RunOutcome {
    do {
      return try runToEnd()
    } catch {
      exchange.abandon()
      throw error
    }
  }

  private func runToEnd() throws -> RunOutcome {
    if options.dryRun { return try dryRun() }
    guard try openFolder() else { return .alreadyComplete }
    defer { closeFolder() }
    // A death leaves the attempt noted; an end with a reason does not.
    defer { resumption.went(to: nil) }
    return try watched {
      try learnFromTeachers()
      try resumeOrInitialize()
      saver.reserve(ownedArrays())
      observer?.started(facts)
      for note in [startNote, exchange.node.sharingProblem] {
        if let note { observer?.noted(note) }
      }
      started = StepClock.now()
      startTrace()
      try saveBeginningIfNeeded()
      try keepBeginningIfAll()
      let isDone = try trainLoop()
      try writeTrace()
      guard isDone else { return .interrupted(step: state.step) }
      return .finished(try finish())
    }
  }

  /// Measures and saves what a run begins with that takes no step.
  private func keepBeginningIfAll() throws {
    guard totalSteps == 0, !hasCheckpoint else { return }
    let measured = validation == nil ? nil : try evaluateAndJudge()
    try saveIfDue(measured: measured, last: true, asked: false)
  }

  /// Steps until the end, a stop or an early stop.
  ///
  /// - Returns: true if the run is over, false if it was asked to stop before.
  private func trainLoop() throws -> Bool {
    var loader = makeLoader(from: state.step)
    defer { loader.stop() }
    var mark = (time: StepClock.now(), samples: 0)
    FaultPoint.trainingStarted.reach()
    while state.step < totalSteps && !state.stoppedEarly {
      beginStep()
      FaultPoint.stepBegun.reach()
      let (record, wishes) = try step(from: loader)
      try timing?.add(step: state.step + 1, clock.finishStep())
      if try goBackIfDecided() {
        loader.stop()
        loader = makeLoader(from: state.step)
        continue
      }
      let noiseScale = try measureNoise(record)
      state.step += 1
      if record.skipped { state.skippedSteps += 1 }
      mark.samples += record.samples
      let elapsed = Double(StepClock.now() - mark.time) * 1e-9
      let speed = Double(mark.samples) / max(elapsed, 1e-9)
      if elapsed > 1 { mark = (StepClock.now(), 0) }
      let last = state.step == totalSteps
      let infeasible = try countInfeasible(last: last)
      try report(record, noiseScale, infeasible, samplesPerSecond: speed)
      try pruneIfDue(isSkipped: record.skipped)
      FaultPoint.stepDone.reach()
      let measured = isEvaluationDue(last: last) ? try evaluateAndJudge() : nil
      resumption.went(to: state.step)
      try advanceSaving(allDone: wishes.allDone)
      if wishes.request == .stop && !last {
        try save(waiting: true)
        return false
      }
      try saveIfDue(
        measured: measured, last: last || state.stoppedEarly, asked: wishes.request == .save)
    }
    return true
  }

  /// One step without a folder, checkpoint or log.
  private func dryRun() throws -> RunOutcome {
    try world.agree {
      guard totalSteps == 0 else { return }
      throw TrainingError(.usage, "a dry run computes one step, but train.steps is 0")
    }
    try learnFromTeachers()
    try initialize()
    observer?.started(facts)
    let loader = makeLoader(from: 0)
    defer { loader.stop() }
    return .dryRun(try step(from: loader).record)
  }

  /// The input thread of this rank, from a step to the end of the run.
  func makeLoader(from step: Int) -> BatchLoader {
    let loader = BatchLoader(
      training, capacity: model.capacity,
      // The members of a group are in use at the same time, and those whose rows are fetched together.
      depth: configuration.data.prefetch + max(membersPerRank, rowParts?.mostMicrobatches ?? 1) - 1,
      readers: inputReaders)
    let cursor = MicrobatchCursor(
      step: step, totalSteps: totalSteps, plan: plan, topology: exchange.node.topology,
      seat: exchange.node.seat, group: model.synchronizedGroup, passes: couplingStep == nil ? 1 : 2)
    loader.start(order: sampler) { _ in cursor.next() }
    return loader
  }

  /// Logs a step on rank 0 and tells the observer.
  private func report(
    _ record: StepRecord, _ noiseScale: Double?, _ infeasible: Int?, samplesPerSecond: Double
  ) throws {
    guard let observer else { return }
    var members: [JSONValue.Member] = [
      .init("step", .integer(record.step + 1)), .init("epoch", .integer(record.epoch)),
      .init("loss", .number(record.loss)), .init("learningRate", .number(record.learningRate)),
      .init("gradientNorm", .number(record.gradientNorm)),
      .init("samplesPerSecond", .number(samplesPerSecond)),
    ]
    if record.skipped { members.append(.init("skipped", .boolean(true))) }
    if let noiseScale { members.append(.init("noiseScale", .number(noiseScale))) }
    if let infeasible { members.append(.init("infeasibleSamples", .integer(infeasible))) }
    try log?.append(.object(members), telling: observer)
    observer.stepped(record, samplesPerSecond: samplesPerSecond)
  }
}
