import Metrics

/// What an evaluation came to, with the names that make it readable.
public struct EvaluationOutcome: Sendable {
  /// S of the split.
  public let samples: Int
  /// Loss and metrics of the heads; nil where nothing but lists was measured.
  public var result: EvaluationResult?
  /// Class names by head, where the data has them.
  public var classes: [String: [String]] = [:]
  /// Metrics of ranked lists, where they were asked for.
  public var ranking: RankingResult?

  /// The same of subsets of the modalities, where they were asked for.
  public var subsets: [SubsetResult] = []

  /// An outcome of nothing yet.
  init(samples: Int) { self.samples = samples }

  /// Everything as one flat list.
  public var named: [MetricValue] { (result?.named ?? []) + (ranking?.named ?? []) }

  /// One JSON object: `split`, `samples`, and everything by name; results of subsets of the modalities
  /// stand in the list `subsets`.
  ///
  /// - Parameter split: the name of the split.
  /// - Returns: the object on one line, without a line break.
  public func json(split: String) -> String {
    result?.json(split: split, subsets: subsets, ranking: ranking)
      ?? ranking?.json(split: split, samples: samples) ?? "{}"
  }
}
