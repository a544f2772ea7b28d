import Configuration
import Datasets
import MPI
import Metrics
import Models
import Tensors

/// Trained runs that predict the same target, combined into one prediction.
///
/// The runs may read different modalities with different networks. All ranks compute each run's outputs, and
/// rank 0 combines, fits and measures them, so nothing depends on the number of ranks. The loss of an ensemble
/// is that of a plain head of its kind: the negative logarithm of the true answer's probability, or the squared
/// error of values, whatever smoothing or weights the runs were trained with.
///
/// - Cost: `8 S Y` bytes per run on rank 0, twice that for yes-or-no outputs.
public struct ModelEnsemble {
  private let world: Communicator
  private let runs: [TrainedModel]
  private let names: [String]
  private let options: EnsembleOptions
  /// The place of the head in each run.
  private let heads: [Int]
  private let kind: MetricHead.Kind

  /// Checks that runs can be combined.
  ///
  /// - Parameters:
  ///   - world: all ranks.
  ///   - runs: at least two, loaded with their targets on the split to be measured.
  ///   - names: what runs are called in messages.
  ///   - options: how they are combined.
  /// - Throws: ``TrainingError`` `usage` or `badData` where they cannot be.
  public init(
    _ world: Communicator, _ runs: [TrainedModel], names: [String], _ options: EnsembleOptions
  ) throws {
    self.world = world
    self.runs = runs
    self.names = names
    self.options = options
    guard runs.count >= 2 else {
      throw TrainingError(.usage, "an ensemble needs at least two runs, found \(runs.count)")
    }
    heads = try zip(runs, names).map { try Self.head(of: $0, $1, named: options.head) }
    let kinds = zip(runs, heads).map { Self.kind(of: $1, in: $0.model) }
    kind = kinds[0]
    for (index, other) in kinds.enumerated() {
      guard other == kind else {
        throw TrainingError(
          .badData,
          "\(names[index]) predicts \(Self.words(other)), \(names[0]) \(Self.words(kind)); an "
            + "ensemble needs runs of one target")
      }
    }
    try Self.check(options, kind, count: runs.count)
  }

  /// What a head predicts; heads that are not measured were refused before.
  private static func kind(of head: Int, in model: Model) -> MetricHead.Kind {
    guard let place = Evaluator.measuredHeads(model).firstIndex(of: head) else {
      preconditionFailure("a head that is not measured")
    }
    return Evaluator.metricHeads(model)[place].kind
  }

  private static func check(
    _ options: EnsembleOptions, _ kind: MetricHead.Kind, count: Int
  ) throws {
    if case .given(let weights) = options.method {
      guard weights.count == count, weights.allSatisfy({ $0 >= 0 && $0.isFinite }),
        weights.contains(where: { $0 > 0 })
      else {
        throw TrainingError(
          .usage,
          "expected \(count) weights of at least 0, one for each run and not all 0, found \(weights)"
        )
      }
    }
    if case .stacked(let penalty) = options.method {
      guard penalty > 0, penalty.isFinite else {
        throw TrainingError(.usage, "expected a penalty above 0, found \(penalty)")
      }
      switch kind {
      case .classification, .binary: break
      case .multiLabel, .regression, .transcription:
        throw TrainingError(
          .usage,
          "stacked needs runs that tell classes apart, these predict \(words(kind)); use weighted")
      }
    }
    guard !options.method.isFitted || options.split != .validation else {
      throw TrainingError(
        .usage,
        "\(options.method.keyword) is fitted on the validation split and cannot be measured there; "
          + "choose another --split, or give --weights")
    }
  }

  private static func head(
    of run: TrainedModel, _ name: String, named wanted: String?
  ) throws -> Int {
    let heads = run.model.heads
    let known = heads.map(\.name).joined(separator: ", ")
    let index = wanted.map { wanted in heads.firstIndex { $0.name == wanted } } ?? 0
    guard let index, wanted != nil || heads.count == 1 else {
      throw TrainingError(
        .usage,
        wanted.map { "\(name) has no head '\($0)'; it has: \(known)" }
          ?? "\(name) has several heads (\(known)); choose one by --head")
    }
    guard !heads[index].loss.comparesNegatives else {
      throw TrainingError(
        .usage,
        "\(name): head '\(heads[index].name)' has no truth in the data to be measured against; an "
          + "ensemble needs one")
    }
    guard heads[index].isSequence || !heads[index].mayLack else {
      throw TrainingError(
        .usage,
        "\(name): head '\(heads[index].name)' has no prediction for samples without the modality that "
          + "it reads; an ensemble needs one prediction a sample")
    }
    guard heads[index].rowsPerSample == 1, !heads[index].loss.isTranscription else {
      throw TrainingError(
        .usage,
        "\(name): head '\(heads[index].name)' predicts every step of a sequence; an ensemble needs "
          + "one prediction a sample")
    }
    return index
  }

  private static func words(_ kind: MetricHead.Kind) -> String {
    switch kind {
    case .classification(let classes): "\(classes) classes"
    case .binary: "yes or no"
    case .multiLabel(let outputs): "\(outputs) times yes or no"
    case .regression(let outputs): outputs == 1 ? "a value" : "\(outputs) values"
    case .transcription(let outputs): "sequences of \(outputs) tokens"
    }
  }

  /// The head that predictions are written of: the first run's.
  public var head: Head { runs[0].model.heads[heads[0]] }

  /// Computes, combines and measures.
  ///
  /// Collective.
  ///
  /// - Returns: the outcome on rank 0, nil elsewhere.
  /// - Throws: what reading, the metrics or MPI throw; ``TrainingError`` where runs differ in their truth, a
  ///   validation split is missing, or an output is not finite.
  public func run() throws -> EnsembleOutcome? {
    var fitting: (Mixture, EnsembleTruth)?
    if options.method.isFitted {
      let splits = try world.agree {
        try runs.indices.map { index in
          guard let split = try runs[index].dataset.split(.validation) else {
            throw TrainingError(
              .missingInput,
              "\(runs[index].dataset.name) has no validation split, on which "
                + "\(options.method.keyword) is fitted; use mean, or give --weights")
          }
          return split
        }
      }
      fitting = try gather(splits)
    }
    let measured = try gather(runs.map(\.split))
    return try world.agree {
      guard let (mixture, truth) = measured else { return nil }
      return try combine(mixture, truth, fitting)
    }
  }

  private func combine(
    _ mixture: Mixture, _ truth: EnsembleTruth, _ fitting: (Mixture, EnsembleTruth)?
  ) throws -> EnsembleOutcome {
    var weights: [Double]?
    let combined: [Double]
    switch options.method {
    case .stacked(let penalty):
      combined = stack(mixture, fitting, penalty: penalty)
    default:
      let found = self.weights(fitting)
      weights = found
      combined = mixture.mixed(found)
    }
    let members = try runs.indices.map { member in
      let alone = runs.indices.map { $0 == member ? 1.0 : 0 }
      return try measure(mixture, mixture.mixed(alone), truth)
    }
    return EnsembleOutcome(
      result: try measure(mixture, combined, truth), members: members, weights: weights,
      predictions: mixture.predictions(combined))
  }

  /// All runs' outputs and the truth on rank 0; nil elsewhere.
  private func gather(_ splits: [Split]) throws -> (Mixture, EnsembleTruth)? {
    let truth = try world.agree { () -> EnsembleTruth? in
      world.rank == 0 ? try self.truth(splits) : nil
    }
    var logits: [[Float]] = []
    for (index, run) in runs.enumerated() {
      var all: [Float] = []
      try Predictor(world, run, split: splits[index], as: .logits).run { samples, outputs in
        guard case .values(let values) = outputs[heads[index]] else {
          preconditionFailure("an ensemble of heads that transcribe was refused before")
        }
        if let wrong = values.firstIndex(where: { !$0.isFinite }) {
          let sample = samples.lowerBound + wrong / run.model.heads[heads[index]].outputs
          throw TrainingError(
            .badData,
            "\(names[index]): the outputs for sample \(sample) of the \(splits[index].role.rawValue) "
              + "split are not finite; leave this run out")
        }
        all += values
      }
      logits.append(all)
    }
    guard let truth else { return nil }
    return (Mixture(kind: kind, samples: splits[0].count, logits: logits), truth)
  }

  /// The truth, which all runs must share.
  private func truth(_ splits: [Split]) throws -> EnsembleTruth {
    var first: EnsembleTruth?
    for (index, split) in splits.enumerated() {
      let role = split.role.rawValue
      guard split.count == splits[0].count else {
        throw TrainingError(
          .badData,
          "\(names[index]): its \(role) split has \(split.count) samples, that of \(names[0]) "
            + "\(splits[0].count); an ensemble needs runs of one target")
      }
      let head = runs[index].model.heads[heads[index]]
      let truth = try EnsembleTruth(split, head, kind)
      guard let expected = first else {
        first = truth
        continue
      }
      guard let (sample, own, other) = truth.difference(from: expected, outputs: head.outputs)
      else { continue }
      throw TrainingError(
        .badData,
        "\(names[index]): sample \(sample) of its \(role) split is \(own), in \(names[0]) \(other); an "
          + "ensemble needs runs of one target")
    }
    guard let first else { preconditionFailure("an ensemble without runs") }
    return first
  }

  private func weights(_ fitting: (Mixture, EnsembleTruth)?) -> [Double] {
    if case .given(let weights) = options.method {
      let sum = weights.reduce(0, +)
      return weights.map { $0 / sum }
    }
    guard let (mixture, truth) = fitting else {
      return [Double](repeating: 1 / Double(runs.count), count: runs.count)
    }
    return SimplexFit.minimise(count: runs.count) { mixture.point($0, truth) }
  }

  private func stack(
    _ mixture: Mixture, _ fitting: (Mixture, EnsembleTruth)?, penalty: Double
  ) -> [Double] {
    guard let (seen, truth) = fitting else { preconditionFailure("nothing to fit on") }
    let labels = truth.labels.isEmpty ? truth.values.map { $0 >= 0.5 ? 1 : 0 } : truth.labels
    let regression = MultinomialRegression(
      rows: seen.features, labels: labels, classes: seen.columns, penalty: penalty)
    return regression.logProbabilities(mixture.features)
  }

  /// Measures combined predictions as if one model had made them.
  private func measure(
    _ mixture: Mixture, _ combined: [Double], _ truth: EnsembleTruth
  ) throws -> EvaluationResult {
    let head = MetricHead(name: head.name, kind: kind, lossName: head.loss.keyword)
    let own = Evaluator.metrics(runs[0].configuration.evaluate.metrics)
      .filter { $0 != .confusion && $0.fits(self.head.loss) }
    let metrics = options.metrics.isEmpty ? own : options.metrics
    let accumulator = try MetricAccumulator(heads: [head], metrics: metrics)
    let labels = truth.labels.map(Int64.init)
    let values = truth.values.map(Float.init)
    mixture.logits(combined).withUnsafeBufferPointer { outputs in
      labels.withUnsafeBufferPointer { labels in
        values.withUnsafeBufferPointer { values in
          guard let outputs = outputs.baseAddress else { return }
          accumulator.add(
            head: 0, microbatch: 0, count: mixture.samples, outputs: outputs,
            labels: labels.isEmpty ? nil : labels.baseAddress,
            values: values.isEmpty ? nil : values.baseAddress,
            loss: mixture.loss(combined, truth) * Double(mixture.samples),
            weight: Double(mixture.samples))
        }
      }
    }
    return try MetricAccumulator.merge(
      [accumulator.encode()], heads: [head], metrics: metrics,
      predictions: [mixture.samples])
  }
}
