import Configuration
import Datasets
import Glibc
import Metrics
import Models
import Tensors

/// The parts of a run that follow from configuration, data and rank count alone, without MPI.
///
/// `train` and `plan` share it, so a plan cannot promise what training would refuse.
public struct TrainingSetUp {
  /// The configuration with everything resolved.
  public let configuration: RunConfiguration
  /// All files of the run.
  public let dataset: Dataset
  /// What is trained on.
  public let training: Split
  /// What is measured while training, if there is such a split.
  public let validation: Split?
  /// How samples become steps and microbatches.
  public let plan: BatchPlan
  /// The order of samples.
  public let sampler: Sampler
  /// The compiled model.
  public let model: Model
  /// Optimizer steps of the whole run.
  public let totalSteps: Int
  /// What is pruned and when; nil where nothing is.
  public let pruning: PruningSetUp?
  /// What weights are held to; nil where to nothing.
  public let constraint: ConstraintSetUp?
  /// From whom the run learns; nil where it has no teachers.
  public let distillation: DistillationSetUp?

  /// Opens the data and compiles the model.
  ///
  /// - Parameters:
  ///   - options: the run.
  ///   - ranks: R.
  ///   - memoryBytes: what the job may use of the memory of each node, which ranks decide by alike; nil is what it may use
  ///     of this one.
  /// - Throws: ``TrainingError``, or the errors of `Datasets` and `Models`.
  public init(_ options: TrainingOptions, ranks: Int, memoryBytes: Int? = nil) throws {
    var resolved = options.configuration.resolved(ranks: ranks)
    let micro = resolved.batch.micro ?? resolved.batch.global
    dataset = try Dataset(
      ofJob: resolved.data, relativeTo: options.configurationFolder,
      fields: Self.fieldNames(resolved.model), memoryBytes: memoryBytes)
    guard let training = try dataset.split(.train), training.count > 0 else {
      throw TrainingError(.badData, "\(dataset.name): there is no training split, or it is empty")
    }
    self.training = training
    // Losses over drawn negatives say nothing about other samples; lists are measured afterwards.
    validation = resolved.model.isMeasured ? try dataset.split(.validation) : nil
    let shuffle = try dataset.resolvedShuffle(resolved.data.shuffle)
    resolved.data.shuffle = shuffle
    guard let sampler = try dataset.sampler(seed: resolved.seed, shuffle: shuffle)
    else { preconditionFailure("a training split without an order") }
    self.sampler = sampler
    plan = BatchPlan(
      samples: sampler.count, global: resolved.batch.global, micro: micro,
      lastBatch: resolved.train.lastBatch)
    try Self.check(plan, ranks: ranks)
    switch resolved.train.length {
    case .steps(let steps): totalSteps = steps
    case .epochs(let epochs): totalSteps = epochs * plan.stepsPerEpoch
    }
    try Self.check(resolved, totalSteps: totalSteps, stepsPerEpoch: plan.stepsPerEpoch)
    let (teachers, hints) = try DistillationSetUp.load(resolved, options.configurationFolder)
    model = try Model(
      resolved.model, fields: training.fields, capacity: micro, seed: resolved.seed,
      precision: Precision(resolved.train.precision), selectable: resolved.evaluate.subsets != nil,
      hints: hints.map(\.request), recompute: resolved.train.recompute)
    configuration = resolved
    pruning = try PruningSetUp(resolved, layout: model.layout, totalSteps: totalSteps)
    constraint = try ConstraintSetUp(resolved, model, totalSteps: totalSteps)
    distillation = try DistillationSetUp(resolved, teachers, hints, model, dataset)
    let texts = Transcriber(resolved, dataset).texts
    // Metrics that the data has no texts for are told before the first epoch.
    _ = try MetricAccumulator(
      heads: Evaluator.metricHeads(model) { texts[$0] != nil },
      metrics: Evaluator.metrics(resolved.evaluate.metrics))
    try checkStreams()
  }

  /// The fields a model reads, each once.
  public static func fieldNames(_ model: ModelConfiguration) -> [String] {
    var names: [String] = []
    let heads = model.heads.flatMap { head in
      (head.loss.comparesNegatives ? [] : [head.target]) + [head.weights].compactMap { $0 }
    }
    let coupled = model.coupling?.fields.map(\.field) ?? []
    for name in model.modalities.map(\.field) + heads + coupled where !names.contains(name) {
      names.append(name)
    }
    return names
  }

  private static func check(_ plan: BatchPlan, ranks: Int) throws {
    guard plan.stepsPerEpoch > 0 else {
      throw TrainingError(
        .badConfiguration,
        "batch.global: \(plan.global) exceeds the \(plan.samples) training samples of an epoch and "
          + "train.lastBatch is drop, so there would be no step; lower batch.global")
    }
    let most = (plan.global + plan.micro - 1) / plan.micro
    guard ranks <= most else {
      throw TrainingError(
        .badConfiguration,
        "\(ranks) ranks cannot share \(most) microbatches per step (batch.global "
          + "\(plan.global) / batch.micro \(plan.micro)); start at most \(most) ranks or lower "
          + "batch.micro")
    }
  }

  /// Warm-up must end within the run, whose length in steps is known only with the data.
  private static func check(
    _ configuration: RunConfiguration, totalSteps: Int, stepsPerEpoch: Int
  ) throws {
    let warmup = configuration.schedule.warmupSteps
    guard warmup > totalSteps else { return }
    throw TrainingError(
      .badConfiguration,
      "schedule: expected warmupSteps of at most \(totalSteps), the steps of this run "
        + "(\(stepsPerEpoch) an epoch), found \(warmup); lower it or train longer")
  }

  /// Bytes of this node's memory that the job may use: all of it, or what its control group grants.
  ///
  /// - Parameter root: the folder that holds `proc` and `sys`; tests bring their own.
  /// - Returns: at least 1.
  public static func memoryBytes(root: String = "") -> Int {
    let machine = sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))
    return max(1, min(machine, ControlGroup.ofThisProcess(root: root).memoryBytes ?? .max))
  }
}

extension ModelConfiguration {
  /// Whether samples of any split have a loss or metrics: not where all heads compare with drawn negatives.
  var isMeasured: Bool { coupling != nil || !heads.allSatisfy(\.loss.comparesNegatives) }
}
