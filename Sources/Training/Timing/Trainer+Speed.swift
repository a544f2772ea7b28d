/// What the steps of a run cost on this machine.
public struct TrainingSpeed: Sendable {
  /// R.
  public let ranks: Int
  /// Samples of one step over all ranks.
  public let globalBatch: Int
  /// N: samples of one pass.
  public let microbatch: Int
  /// Scalars an optimizer moves.
  public let parameters: Int
  /// Floating-point operations of one step on all ranks: three times the forward passes.
  public let operationsPerStep: Int
  /// The mean loss of every step, in order; the warm-up's too.
  public let losses: [Double]
  /// Seconds of every timed step on rank 0, in order.
  public let seconds: [Double]
  /// Rank 0's seconds of the timed steps, by the name of the phase.
  public let phases: [(name: String, seconds: Double)]

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
  ///   - stepped: called after every step, on every rank.
  /// - Returns: the times; those of rank 0 on every rank.
  /// - Throws: what training throws.
  public func measureSpeed(
    warmUp: Int, steps: Int, stepped: () -> Void = {}
  ) throws -> TrainingSpeed {
    precondition(warmUp >= 0 && steps >= 1 && warmUp + steps <= totalSteps, "too few steps")
    try initialize()
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
    let operations = model.layers.reduce(0) { $0 + $1.multiplyAddsPerSample }
    return TrainingSpeed(
      ranks: world.size, globalBatch: plan.global, microbatch: plan.micro,
      parameters: model.layout.trainableCount,
      operationsPerStep: 6 * plan.samples(inStep: 0) * operations, losses: losses,
      seconds: seconds,
      phases: zip(before, clock.table).map { ($0.phase, $1.seconds - $0.seconds) }
        .filter { $0.seconds > 0 })
  }
}
