import Configuration
import Optimizers
import Parameters
import Pruning

/// What a run prunes and when, worked out before it starts.
public struct PruningSetUp: Sendable {
  /// What was asked for.
  public let configuration: PruningConfiguration
  /// The tensors.
  public let plan: PruningPlan
  /// The steps.
  public let schedule: PruningSchedule
  /// When weights come back in exchange for others; nil: never.
  public let regrowth: RegrowthSchedule?

  /// Resolves a configuration; nil where it prunes nothing.
  ///
  /// - Parameters:
  ///   - configuration: of the run.
  ///   - layout: the model's slots.
  ///   - totalSteps: optimizer steps of the run.
  /// - Throws: `PruningError` for what cannot be, or ``TrainingError``.
  init?(_ configuration: RunConfiguration, layout: ParameterLayout, totalSteps: Int) throws {
    guard let settings = configuration.pruning else { return nil }
    self.configuration = settings
    let schedule = try PruningSchedule(settings.schedule, totalSteps: totalSteps)
    self.schedule = schedule
    plan = try PruningPlan(settings, layout: layout)
    try plan.check(finalSparsity: schedule.finalSparsity)
    regrowth = try settings.regrow.map {
      try RegrowthSchedule($0, after: schedule, totalSteps: totalSteps)
    }
    if let regrowth { try plan.check(finalSparsity: regrowth.mostSparsity) }
    guard !layout.shardedTables.isEmpty else { return }
    if case .weights? = schedule.rewind {
      throw TrainingError(
        .badConfiguration,
        "pruning.schedule.iterative.rewind: weights cannot go back while rows of a table lie on one rank "
          + "each; use rewind learningRate, or give the embedding no shard")
    }
    if settings.criterion.followsGradients {
      throw TrainingError(
        .badConfiguration,
        "pruning.criterion: \(settings.criterion.rawValue) keeps a score for every parameter, which rows of a "
          + "table that lie on one rank each have not; use magnitude or lamp, or give the embedding no shard"
      )
    }
  }
}

extension TrainingSetUp {
  /// How the learning rate moves over the run.
  var schedule: Schedule {
    Schedule(
      configuration.schedule, totalSteps: pruning?.schedule.learningRateSteps ?? totalSteps)
  }
}
