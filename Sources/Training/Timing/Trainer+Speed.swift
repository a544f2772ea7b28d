import Tensors

/// What the steps of a run cost on this machine.
public struct TrainingSpeed: Sendable {
  /// R.
  public let ranks: Int
  /// Threads that rank 0 computes on.
  public let threads: Int
  /// Samples of one step over all ranks.
  public let globalBatch: Int
  /// N: samples of one pass.
  public let microbatch: Int
  /// Scalars an optimizer moves.
  public let parameters: Int
  /// Floating-point operations of one step on all ranks: three times the forward passes, and what is computed
  /// again.
  public let operationsPerStep: Int
  /// The mean loss of every step, in order; the warm-up's too.
  public let losses: [Double]
  /// Seconds of every timed step on rank 0, in order.
  public let seconds: [Double]
  /// Rank 0's seconds of the timed steps, by the name of the phase.
  public let phases: [(name: String, seconds: Double)]
  /// What a step of rank 0 must do, layer by layer, with the mean time of each; nil where that was not asked for.
  public let cost: StepCost?

  /// The median step in seconds.
  public var medianSeconds: Double {
    let sorted = seconds.sorted()
    return (sorted[sorted.count / 2] + sorted[(sorted.count - 1) / 2]) / 2
  }
  /// Samples of all ranks together in a second, by the median step.
  public var samplesPerSecond: Double { Double(globalBatch) / medianSeconds }
  /// 10⁹ operations of one rank in a second, by the median step.
  public var rate: Double { Double(operationsPerStep) / Double(ranks) / medianSeconds * 1e-9 }
}

extension Trainer {
  /// Trains and times steps from the initial values, without folder, log, checkpoint or evaluation.
  ///
  /// Input, exchange and update are those of a run. A step is timed from the end of the one before, so
  /// nothing falls between.
  ///
  /// - Parameters:
  ///   - warmUp: steps before the first that is timed.
  ///   - steps: steps that are timed, at least 1; the run has both together, or more.
  ///   - byLayer: whether layers are timed too, which costs 35 ns each.
  ///   - stepped: called after every step, on every rank.
  /// - Returns: the times; those of rank 0 on every rank.
  /// - Throws: what training throws.
  public func measureSpeed(
    warmUp: Int, steps: Int, byLayer: Bool = false, stepped: () -> Void = {}
  ) throws -> TrainingSpeed {
    precondition(warmUp >= 0 && steps >= 1 && warmUp + steps <= totalSteps, "too few steps")
    try initialize()
    if byLayer { clock.record(into: TraceRing()) }
    let loader = makeLoader(from: 0)
    defer { loader.stop() }
    var (losses, seconds) = ([Double](), [Double]())
    losses.reserveCapacity(warmUp + steps)
    seconds.reserveCapacity(steps)
    var before = clock.table
    var last = StepClock.now()
    for index in 0..<warmUp + steps {
      clock.begin(step: index + 1)
      losses.append(try step(from: loader).record.loss)
      _ = clock.finishStep()
      state.step += 1
      let now = StepClock.now()
      if index >= warmUp { seconds.append(Double(now - last) * 1e-9) }
      if index == warmUp - 1 { before = clock.table }
      last = now
      stepped()
    }
    let phases = zip(before, clock.table).map { (name: $0.phase, seconds: $1.seconds - $0.seconds) }
    let operations = model.layers.reduce(0) { $0 + $1.operationsPerSample }
    return TrainingSpeed(
      ranks: world.size, threads: Kernels.threads, globalBatch: plan.global, microbatch: plan.micro,
      parameters: model.layout.trainableCount,
      operationsPerStep: plan.samples(inStep: 0) * operations, losses: losses,
      seconds: seconds, phases: phases.filter { $0.seconds > 0 },
      cost: byLayer ? cost(phases, afterStep: warmUp, steps: steps) : nil)
  }

  /// What a step must do on this rank, with the times of the last `steps` steps.
  private func cost(
    _ phases: [(name: String, seconds: Double)], afterStep warmUp: Int, steps: Int
  ) -> StepCost {
    let (ranks, microbatches) = (world.size, plan.microbatchCount(ofStep: 0))
    var layers = model.layers.map {
      LayerCost(
        $0, samples: plan.samples(inStep: 0) / ranks,
        passes: (microbatches + ranks - 1) / ranks)
    }
    // The ring may have lost the first events of many steps.
    let events = (clock.trace?.kept ?? []).filter { $0.step > warmUp }
    let seen = Double(max(1, Set(events.filter(\.isStep).map(\.step)).count))
    for event in events where event.isLayer && layers.indices.contains(Int(event.detail)) {
      layers[Int(event.detail)].work.seconds += Double(event.end - event.start) * 1e-9 / seen
    }
    let resident = model.layout.residentCount
    let share = Double(resident) / Double(ranks)
    // Weight and gradient whole; of the state its share.
    let update = TrainingPlan.updateBytes(configuration)
    let touched = 8 * resident + (update - 12) / 2 * resident / ranks + model.arenaBytes
    let after = phases.filter { ["reduce", "publish", "update"].contains($0.name) }
    return StepCost(
      layers, gradients: 4 * share * Double(microbatches),
      updateBytes: share * Double(update - 4), touchedBytes: touched,
      seconds: after.reduce(0) { $0 + $1.seconds } / Double(steps))
  }
}
