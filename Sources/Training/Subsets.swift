import Configuration
import Datasets
import Metrics
import Models
import Reports

extension EvaluateConfiguration.Subsets {
  /// The subsets to measure, in a fixed order: small ones first.
  ///
  /// - Parameter modalities: the model's, in order.
  /// - Returns: lists of names; for `all`, every subset but the empty one and the whole.
  /// - Throws: ``TrainingError`` where a name is no modality, or where there are too many subsets.
  func lists(_ modalities: [String]) throws -> [[String]] {
    switch self {
    case .all:
      guard modalities.count <= EvaluateConfiguration.mostModalitiesOfAllSubsets else {
        throw TrainingError(
          .badConfiguration,
          "\(modalities.count) modalities have too many subsets; name those to measure")
      }
      let whole = (1 << modalities.count) - 1
      return (1..<max(whole, 1)).sorted {
        ($0.nonzeroBitCount, $0) < ($1.nonzeroBitCount, $1)
      }.map { bits in
        modalities.indices.filter { bits >> $0 & 1 == 1 }.map { modalities[$0] }
      }
    case .listed(let lists):
      for name in lists.joined() where !modalities.contains(name) {
        throw TrainingError(
          .badConfiguration,
          "'\(name)' is no modality of the model; choose among \(modalities.joined(separator: ", "))"
        )
      }
      return lists
    }
  }
}

extension Trainer {
  /// Measures the subsets of modalities that the configuration names, for the log.
  ///
  /// - Parameter split: the samples.
  /// - Returns: the results, equal on all ranks.
  /// - Throws: what reading, the metrics or MPI throw.
  func measureSubsets(_ split: Split) throws -> [SubsetResult] {
    guard let subsets = configuration.evaluate.subsets else { return [] }
    let weights = try evaluationWeights()
    let evaluator = Evaluator(
      world, model: model, metrics: Evaluator.metrics(configuration.evaluate.metrics),
      transcriber: transcriber, clock: clock)
    return try subsets.lists(model.modalities).map { subset in
      SubsetResult(
        modalities: subset,
        result: try evaluator.evaluate(
          split, of: subset, parameters: weights.base, prefetch: configuration.data.prefetch))
    }
  }

  /// The results of subsets as a member of a line of `metrics.jsonl`; none without any.
  static func logged(_ subsets: [SubsetResult]) -> [JSONValue.Member] {
    guard !subsets.isEmpty else { return [] }
    let members = subsets.map { subset in
      JSONValue.Member(
        subset.name,
        .object(
          subset.result.named.compactMap { metric in
            metric.value.map { JSONValue.Member(metric.name, .number($0)) }
          }))
    }
    return [JSONValue.Member("subsets", .object(members))]
  }
}
