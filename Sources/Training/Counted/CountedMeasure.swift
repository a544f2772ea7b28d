import Configuration
import Datasets
import MPI
import Metrics
import Parameters

/// Measures a factorization on a split.
struct CountedMeasure {
  let configuration: CountedRunConfiguration
  /// The items of each user in the training split.
  let seen: ItemLists

  /// Errors of values and ranked lists.
  ///
  /// - Parameters:
  ///   - split: the samples.
  ///   - store: the factors, equal on all ranks.
  ///   - asked: what to measure; empty: the run's own, or the usual ones.
  ///   - world: all ranks.
  /// - Returns: what was measured, equal on all ranks.
  /// - Throws: ``TrainingError`` for a metric without meaning, or what reading and MPI throw.
  func measure(
    _ split: Split, store: ParameterStore, metrics asked: [MeasuredMetric], _ world: Communicator
  ) throws -> EvaluationOutcome {
    let settings = configuration.factorization
    let reader = try world.agree { try CountedSetUp.reader(split, settings) }
    let asked =
      asked.isEmpty ? configuration.evaluate.metrics.compactMap(MeasuredMetric.init) : asked
    let rankings = asked.compactMap(\.ranking)
    let values = asked.compactMap(\.value)
    let evaluator = PairEvaluator(world: world, pair: FactorPair(store))
    var outcome = EvaluationOutcome(samples: split.count)
    if case .als = settings.method, let field = settings.value, asked.isEmpty || !values.isEmpty {
      outcome.result = try evaluator.values(
        reader, name: field, metrics: values.filter { $0 != .loss })
    } else if let value = values.first {
      throw TrainingError(
        .badConfiguration,
        "metric \(value.rawValue) has no meaning for \(settings.method.keyword), which predicts no "
          + "values; ask for one like recall@10")
    }
    let wanted = asked.isEmpty && outcome.result == nil ? RankingMetricName.usual : rankings
    guard !wanted.isEmpty else { return outcome }
    outcome.ranking = try evaluator.ranking(
      reader, seen: seen, metrics: wanted, relevant: configuration.evaluate.relevant)
    return outcome
  }
}

extension CountedSetUp {
  /// The items of each user in the training split.
  func seenItems() throws -> ItemLists {
    try ItemLists(users: users) { visit in try interactions.forEach { visit($0.user, $0.item) } }
  }
}

/// A metric that a person may ask for: of values and classes, or of ranked lists.
public enum MeasuredMetric: Sendable, Equatable {
  /// One of the closed vocabulary.
  case value(MetricName)
  /// One of ranked lists.
  case ranking(RankingMetricName)

  /// Reads a name; nil for one of neither kind.
  public init?(_ name: String) {
    if let metric = MetricName(rawValue: name) {
      self = .value(metric)
    } else if let metric = RankingMetricName(name) {
      self = .ranking(metric)
    } else {
      return nil
    }
  }

  /// The metric of values or classes, if it is one.
  public var value: MetricName? {
    if case .value(let metric) = self { return metric }
    return nil
  }

  /// The metric of ranked lists, if it is one.
  public var ranking: RankingMetricName? {
    if case .ranking(let metric) = self { return metric }
    return nil
  }
}
