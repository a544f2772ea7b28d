import Checkpoints
import Configuration
import Datasets
import Metrics
import Optimizers
import Parameters
import Reports

extension Trainer {
  /// Whether the validation split is due after the step just done.
  func isEvaluationDue(last: Bool) -> Bool {
    guard validation != nil else { return false }
    if last { return true }
    if let steps = configuration.evaluate.everySteps { return state.step % steps == 0 }
    let epochs = configuration.evaluate.everyEpochs ?? 1
    return state.step % (epochs * plan.stepsPerEpoch) == 0
  }

  /// The weights that are evaluated: the moving average where one is kept.
  ///
  /// - Returns: P values, equal on all ranks.
  /// - Throws: `MPIError` if joining the owners' averages fails.
  func evaluationWeights() throws -> ParameterStore {
    guard let averaged, let stretches = optimizer.averagedWeights else { return store }
    for stretch in stretches {
      averaged.base.advanced(by: stretch.range.lowerBound)
        .update(from: stretch.base, count: stretch.range.count)
    }
    try exchange.publish(whole: averaged)
    return averaged
  }

  /// Measures the validation split and lets plateau, best and early stopping judge the result.
  ///
  /// - Returns: whether it is the best so far.
  /// - Throws: what reading, the metrics or MPI throw.
  func evaluateAndJudge() throws -> Bool {
    guard let validation else { return false }
    clock.enter(.evaluation)
    defer { clock.enter(.other) }
    let result = try measure(validation)
    let subsets = try measureSubsets(validation)
    forgetOtherMetrics()
    let isBest = judgeBest(result)
    try judgePlateau(result)
    try judgeEarlyStop(result)
    let epoch = state.step / plan.stepsPerEpoch
    if observer != nil { try logEvaluation(result, subsets, epoch: epoch) }
    for head in result.heads where head.nonFinite > 0 {
      observer?.noted(
        "validation after step \(state.step): outputs of head '\(head.name)' are NaN or infinite for "
          + "\(head.nonFinite) samples; what they leave without a value counts as no improvement")
    }
    observer?.evaluated(result, step: state.step, epoch: epoch, isBest: isBest)
    return isBest
  }

  /// Measures a split and remembers the result; changes nothing else.
  func measure(_ split: Split) throws -> EvaluationResult {
    var evaluator = Evaluator(
      world, model: model, metrics: Evaluator.metrics(configuration.evaluate.metrics),
      transcriber: transcriber, clock: clock)
    evaluator.rows = rowParts?.rows
    let result = try evaluator.evaluate(
      split, parameters: try evaluationWeights().base, prefetch: configuration.data.prefetch)
    lastEvaluation = result
    return result
  }

  /// The metric that chooses the best checkpoint.
  var bestMetric: String {
    configuration.evaluate.best ?? configuration.evaluate.earlyStop?.metric ?? "loss"
  }

  /// Forgets what was best by another metric: `evaluate` may change when a run is resumed.
  private func forgetOtherMetrics() {
    if let name = state.bestMetricName, name != bestMetric {
      (state.bestMetric, state.bestStep, writtenBest) = (nil, nil, nil)
      observer?.noted("the best checkpoint is now chosen by \(bestMetric), no longer by \(name)")
    }
    state.bestMetricName = bestMetric
    let stop = configuration.evaluate.earlyStop?.metric
    if let name = state.earlyStopName, name != stop {
      (state.earlyStopBest, state.badEvaluations) = (nil, 0)
    }
    state.earlyStopName = stop
  }

  /// Whether weights are still to be pruned: a model that is denser than the one asked for is no candidate.
  private var isStillPruning: Bool {
    pruner.map { state.step < $0.setUp.schedule.lastStep } ?? false
  }

  private func judgeBest(_ result: EvaluationResult) -> Bool {
    guard !isStillPruning else { return false }
    guard let value = result.value(of: bestMetric), value.isFinite else { return false }
    let better = Self.improvement(of: bestMetric)
    if let best = state.bestMetric, !better.improves(value, over: best) { return false }
    state.bestMetric = value
    state.bestStep = state.step
    return true
  }

  private func judgePlateau(_ result: EvaluationResult) throws {
    guard case .plateau(let metric, _, _, _) = configuration.schedule.form else { return }
    let value = try measured(metric, in: result, by: "schedule.plateau.metric")
    var plateau = PlateauState(
      factor: state.plateau.factor, best: state.plateau.best,
      badEvaluations: state.plateau.badEvaluations)
    plateau.observe(value ?? .nan, better: Self.improvement(of: metric), in: configuration.schedule)
    state.plateau = TrainingState.Plateau(
      factor: plateau.factor, best: plateau.best, badEvaluations: plateau.badEvaluations)
  }

  private func judgeEarlyStop(_ result: EvaluationResult) throws {
    guard let rule = configuration.evaluate.earlyStop, !isStillPruning else { return }
    let value = try measured(rule.metric, in: result, by: "evaluate.earlyStop.metric")
    let better = Self.improvement(of: rule.metric)
    let change = better == .higher ? rule.minimumChange : -rule.minimumChange
    if let value, state.earlyStopBest.map({ better.improves(value, over: $0 + change) }) ?? true {
      state.earlyStopBest = value
      state.badEvaluations = 0
      return
    }
    state.badEvaluations += 1
    guard state.badEvaluations >= rule.patience, state.step < totalSteps else { return }
    state.stoppedEarly = true
    observer?.noted(
      "\(rule.metric) has not improved for \(rule.patience) evaluations; the run ends early")
  }

  /// The value that a rule judges; nil where it is undefined, which is no improvement.
  private func measured(
    _ metric: String, in result: EvaluationResult, by key: String
  ) throws -> Double? {
    if result.measures(metric) { return result.value(of: metric) }
    let known = result.named.map(\.name).joined(separator: ", ")
    throw TrainingError(
      .badConfiguration, "\(key): \(metric) was not measured; use one of \(known)")
  }

  static func improvement(of metric: String) -> Improvement {
    EvaluationResult.higherIsBetter(metric) ? .higher : .lower
  }

  private func logEvaluation(
    _ result: EvaluationResult, _ subsets: [SubsetResult], epoch: Int
  ) throws {
    var members: [JSONValue.Member] = [
      .init("step", .integer(state.step)), .init("epoch", .integer(epoch)),
      .init("split", "validation"),
    ]
    for metric in result.named {
      members.append(.init(metric.name, metric.value.map { .number($0) } ?? .null))
    }
    try log?.append(.object(members + Self.logged(subsets)), telling: observer)
  }
}
