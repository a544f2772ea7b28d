import Checkpoints
import Configuration
import Datasets
import Foundation
import Metrics
import Parameters
import Pruning
import Tensors

extension RunPruner {
  /// What one rank finds out about the run before any rank talks.
  struct Opened {
    let trained: TrainedModel
    let configuration: RunConfiguration
    let plan: PruningPlan
    let metric: String?

    var criterion: PruningConfiguration.Criterion {
      configuration.pruning?.criterion ?? .magnitude
    }

    init(_ options: PruneOptions) throws {
      trained = try Self.load(options)
      let layout = trained.model.layout
      guard layout.shardedTables.isEmpty else {
        throw TrainingError(
          .badConfiguration,
          "\(options.run) has an embedding with shard: true, whose rows lie on one rank each; such runs are "
            + "pruned while they train, with `pruning`")
      }
      configuration = try Self.configuration(options, trained)
      guard let settings = configuration.pruning else { preconditionFailure("nothing to prune") }
      plan = try PruningPlan(settings, layout: layout)
      try plan.requireFinite(trained.store)
      try trained.requireFinite()
      try trained.requirePruned(within: plan)
      metric = try Self.metric(options, trained)
      try trained.requirePruned(as: plan.pattern)
      guard (options.target == .pattern) == (plan.pattern.sparsity != nil) else {
        throw TrainingError(
          .usage,
          "groups of weights are zero to what they keep: \(options.run) is pruned by --pattern N:M alone, or by "
            + "another --pattern with a target")
      }
      try plan.check(finalSparsity: 0)
      if case .sparsity(let sparsity) = options.target {
        try plan.check(finalSparsity: sparsity)
        try plan.refuseFewer(than: sparsity, in: trained.store)
      }
    }

    /// The run on its validation split; without one on its training split, unless a budget needs to measure.
    private static func load(_ options: PruneOptions) throws -> TrainedModel {
      func open(_ split: SplitRole) throws -> TrainedModel {
        try TrainedModel(
          TrainedModel.Request(run: options.run, split: split, choice: options.choice))
      }
      do {
        return try open(.validation)
      } catch let error as TrainingError where error.status == .missingInput {
        // What is missing may be another thing, which this tells as well.
        let trained = try open(.train)
        guard case .budget = options.target else { return trained }
        throw TrainingError(
          .missingInput,
          "\(trained.dataset.name) has no validation split to measure --accuracy-budget on; name --sparsity or "
            + "--size instead, or make a split with data.split")
      }
    }

    /// The configuration of the new run, of which only the sparsity is still open.
    private static func configuration(
      _ options: PruneOptions, _ trained: TrainedModel
    ) throws -> RunConfiguration {
      guard case .network(var own) = try LoadedRun.configuration(of: options.run) else {
        preconditionFailure("a trained model of no network")
      }
      var settings = own.pruning ?? PruningConfiguration(schedule: .oneShot(sparsity: 0, at: 0))
      if settings.criterion.followsGradients { settings.criterion = .magnitude }
      options.settings(&settings)
      let open = PruningConfiguration.Schedule.oneShot(
        sparsity: settings.pattern.sparsity ?? 0, at: 0)
      settings.schedule = open
      own = own.withoutHints
      own.pruning = settings
      own.initialize = InitializeConfiguration(from: trained.checkpointPath)
      // Whoever trains the new run on has no configuration but that of its folder.
      own.data.files = trained.dataset.paths
      own.train.length = .steps(options.fineTuning)
      own.schedule.warmupSteps = min(own.schedule.warmupSteps, options.fineTuning / 10)
      let result = try RunConfiguration.decode(
        yaml: own.resolvedYAML, name: RunFolder(options.run).configuration,
        overrides: options.overrides)
      guard result.pruning?.schedule == open, result.train.length == own.train.length,
        result.initialize == own.initialize, result.model == own.model,
        result.pruning?.criterion.followsGradients == false
      else {
        throw TrainingError(
          .usage,
          "--set cannot change what is pruned, how far, by what and for how many steps; there are options for "
            + "that, and the model is the run's own")
      }
      return result
    }

    /// The metric that is shown.
    private static func metric(_ options: PruneOptions, _ trained: TrainedModel) throws -> String? {
      let evaluate = trained.configuration.evaluate
      guard trained.split.role == .validation, trained.configuration.model.isMeasured else {
        guard options.metric == nil else {
          throw TrainingError(
            .usage, "--metric needs a validation split and a head that is measured on it")
        }
        return nil
      }
      let usual = evaluate.best ?? evaluate.earlyStop?.metric ?? "loss"
      guard case .budget = options.target else { return options.metric ?? usual }
      let chosen =
        options.metric ?? (EvaluationResult.isShare(usual) ? usual : MetricName.accuracy.rawValue)
      guard EvaluationResult.isShare(chosen) else {
        throw TrainingError(
          .usage,
          "--accuracy-budget counts in hundredths of a share, which \(chosen) is not; choose a --metric such as "
            + "accuracy")
      }
      return chosen
    }
  }
}

extension EvaluationResult {
  /// Whether a metric is a share of a whole, so that a hundredth of it is a point.
  static func isShare(_ metric: String) -> Bool {
    let name = metric.split(separator: ".").last.map(String.init) ?? metric
    switch MetricName(rawValue: name) {
    case nil, .loss, .logLoss, .rmse, .mae, .r2, .confusion: return false
    default: return true
    }
  }
}

extension PruningPlan {
  /// Weights of every tensor that are zero, with either sign.
  func presentZeros(in store: ParameterStore) -> [Int] {
    tensors.map { tensor in tensor.range.count { store.base[$0] == 0 } }
  }

  /// Refuses weights that are NaN or infinite.
  func requireFinite(_ store: ParameterStore) throws {
    for tensor in tensors where !tensor.range.allSatisfy({ store.base[$0].isFinite }) {
      throw PruningError(
        .nonFinite,
        "\(tensor.name) holds a NaN or an infinity, so its weights have no order; take another --checkpoint"
      )
    }
  }
}
