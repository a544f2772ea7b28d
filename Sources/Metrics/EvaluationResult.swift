import Configuration

/// One metric's value.
public struct MetricValue: Sendable, Codable, Equatable {
  /// The metric's name, as in the configuration.
  public let name: String
  /// The value; nil where the metric is undefined, as the ROC AUC of a split with one class.
  public let value: Double?

  /// A value by name.
  public init(name: String, value: Double?) {
    self.name = name
    self.value = value
  }
}

/// What was measured of one head, or of a coupling.
public struct HeadResult: Sendable, Codable, Equatable {
  /// The head's name.
  public let name: String
  /// Its mean loss; nil if it is not finite.
  public let loss: Double?
  /// The metrics in the order asked.
  public let metrics: [MetricValue]
  /// Samples by truth (row) and prediction (column), if asked.
  public let confusion: [[Int]]?
  /// Samples with a NaN or an infinity among their outputs; they count as wrong.
  public let nonFinite: Int
  /// Whether anything weighed in the mean loss: there was a prediction, or a pair, of a weight above 0.
  ///
  /// Without, the head has no share in the loss of the model, as in training.
  public let hasWeight: Bool
  /// Samples with fewer steps than the ids that they should spell, which add nothing to the loss.
  public let infeasible: Int

  /// A result from its parts, of something that is no head of outputs.
  public init(name: String, loss: Double?, metrics: [MetricValue], hasWeight: Bool = true) {
    (self.name, self.loss, self.metrics) = (name, loss, metrics)
    (confusion, nonFinite, infeasible) = (nil, 0, 0)
    self.hasWeight = hasWeight
  }

  init(_ tally: HeadTally, _ asked: [MetricName]) {
    name = tally.head.name
    loss = tally.value(.loss)
    metrics = asked.filter { $0 != .confusion }.map {
      MetricValue(name: $0.rawValue, value: tally.value($0))
    }
    confusion = tally.confusion
    nonFinite = tally.nonFinite
    hasWeight = tally.divisor > 0
    infeasible = tally.transcription.infeasible
  }

  /// The metrics, and where there are any the samples that cannot be spelled.
  fileprivate var named: [MetricValue] {
    metrics
      + (infeasible > 0 ? [MetricValue(name: "infeasibleSamples", value: Double(infeasible))] : [])
  }

  /// The value of a metric or `loss`; nil where it is undefined or was not measured.
  public func value(of metric: String) -> Double? {
    if metric == "loss" { return loss }
    return metrics.first { $0.name == metric }?.value
  }
}

/// Loss and metrics over every sample of a split.
public struct EvaluationResult: Sendable, Codable, Equatable {
  /// S: the samples, each counted once.
  public let samples: Int
  /// The sum over heads of weight times mean loss; nil if it is not finite, or if nothing was weighed.
  public let loss: Double?
  /// What was measured of each head, in the model's order.
  public let heads: [HeadResult]

  init(_ tallies: [HeadTally], asked: [[MetricName]]) {
    samples = tallies.map(\.samples).max() ?? 0
    let weighed = tallies.filter { $0.divisor > 0 }
    let total = weighed.reduce(0) { $0 + $1.head.weight * $1.loss }
    loss = total.isFinite && !weighed.isEmpty ? total : nil
    heads = zip(tallies, asked).map { HeadResult($0, $1) }
  }

  private init(samples: Int, loss: Double?, heads: [HeadResult]) {
    (self.samples, self.loss, self.heads) = (samples, loss, heads)
  }

  /// The result with one more, after the heads.
  ///
  /// - Parameters:
  ///   - other: what was measured beside the heads.
  ///   - weight: the factor of its loss in the sum.
  ///   - samples: S, which a model without heads did not count.
  /// - Returns: all together; the loss is nil if a share of it is not finite.
  public func adding(_ other: HeadResult, weight: Double, samples: Int) -> EvaluationResult {
    let own = heads.contains(where: \.hasWeight) ? loss : 0
    var sum = own.flatMap { own in other.loss.map { own + weight * $0 } }
    if !other.hasWeight { sum = loss }
    return EvaluationResult(
      samples: samples, loss: sum.flatMap { $0.isFinite ? $0 : nil }, heads: heads + [other])
  }

  /// The value that a name of the configuration means.
  ///
  /// - Parameter metric: `loss`, a metric, or `HEAD.metric`. A bare metric that several heads
  ///   report is the mean over them.
  /// - Returns: the value, or nil where it is undefined or was not measured.
  public func value(of metric: String) -> Double? {
    if metric == "loss" { return loss }
    for head in heads where metric.hasPrefix(head.name + ".") {
      return head.value(of: String(metric.dropFirst(head.name.count + 1)))
    }
    let reporting = heads.filter { head in head.metrics.contains { $0.name == metric } }
    var sum = 0.0
    for head in reporting {
      guard let value = head.value(of: metric) else { return nil }
      sum += value
    }
    return reporting.isEmpty ? nil : sum / Double(reporting.count)
  }

  /// Whether a name of the configuration was measured, be it undefined on this split.
  ///
  /// - Parameter metric: as of ``value(of:)``.
  /// - Returns: false for a name that nobody reports.
  public func measures(_ metric: String) -> Bool {
    if metric == "loss" { return true }
    return heads.contains { head in
      head.metrics.contains { [$0.name, "\(head.name).\($0.name)"].contains(metric) }
        || metric == "\(head.name).loss"
    }
  }

  /// Loss and metrics as one flat list, for a line of `metrics.jsonl`.
  ///
  /// With several heads the names are `HEAD.metric`, the heads' losses included. `infeasibleSamples` of a
  /// transcription is among them where it is above 0.
  public var named: [MetricValue] {
    var list = [MetricValue(name: "loss", value: loss)]
    guard heads.count > 1 else { return list + (heads.first?.named ?? []) }
    for head in heads {
      list.append(MetricValue(name: "\(head.name).loss", value: head.loss))
      list += head.named.map { MetricValue(name: "\(head.name).\($0.name)", value: $0.value) }
    }
    return list
  }

  /// Whether a larger value of a metric is better.
  ///
  /// - Parameter metric: a metric's name, with or without its head.
  /// - Returns: false for losses and errors.
  public static func higherIsBetter(_ metric: String) -> Bool {
    let name = metric.split(separator: ".").last.map(String.init) ?? metric
    return MetricName(rawValue: name).map { !$0.isSmallerBetter } ?? true
  }
}
