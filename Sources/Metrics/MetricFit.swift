import Configuration

/// What must be gathered from samples so that the asked metrics can be computed.
struct MetricNeeds: OptionSet, Equatable {
  let rawValue: UInt64

  /// Hits, predictions and truths per class.
  static let counts = MetricNeeds(rawValue: 1)
  /// Truth against prediction, Y × Y.
  static let matrix = MetricNeeds(rawValue: 2)
  /// Truths among the five largest outputs.
  static let top5 = MetricNeeds(rawValue: 4)
  /// Every sample's scores.
  static let scores = MetricNeeds(rawValue: 8)
  /// The log loss.
  static let logLoss = MetricNeeds(rawValue: 16)
  /// Errors and moments of values.
  static let moments = MetricNeeds(rawValue: 32)
}

/// Which metrics fit which heads.
enum MetricFit {
  /// The largest number of classes for which Y × Y counts are kept.
  static let largestMatrix = 4096

  /// Whether `metric` has a meaning for the outputs of a head.
  static func fits(_ metric: MetricName, _ head: MetricHead) -> Bool {
    switch (metric, head.kind) {
    case (.loss, _): true
    case (.rmse, .regression), (.mae, .regression), (.r2, .regression): true
    case (.tokenErrorRate, .transcription): true
    case (.characterErrorRate, .transcription), (.wordErrorRate, .transcription): head.spells
    case (_, .transcription), (.tokenErrorRate, _), (.characterErrorRate, _): false
    case (.wordErrorRate, _): false
    case (_, .regression), (.rmse, _), (.mae, _), (.r2, _): false
    case (.top5, .classification): true
    case (.confusion, .classification(let classes)): classes <= largestMatrix
    case (.confusion, .binary): true
    case (.top5, _), (.confusion, _): false
    default: true
    }
  }

  /// The metrics of each head, in the order asked; the loss is always there and left out.
  ///
  /// - Parameters:
  ///   - metrics: what is asked; empty means the usual ones of each kind.
  ///   - heads: the heads of the model.
  /// - Returns: one list per head.
  /// - Throws: ``MetricError`` with `.unfitting` if a metric fits no head.
  static func assign(
    _ metrics: [MetricName], to heads: [MetricHead]
  ) throws(MetricError) -> [[MetricName]] {
    guard !metrics.isEmpty else { return heads.map { usual(for: $0.kind) } }
    for metric in metrics where metric != .loss && !heads.contains(where: { fits(metric, $0) }) {
      throw MetricError(code: .unfitting, message: complaint(metric, heads))
    }
    return heads.map { head in
      var list: [MetricName] = []
      for metric in metrics
      where metric != .loss && fits(metric, head) && !list.contains(metric) {
        list.append(metric)
      }
      return list
    }
  }

  /// The metrics reported when none is asked for.
  private static func usual(for kind: MetricHead.Kind) -> [MetricName] {
    switch kind {
    case .classification: [.accuracy, .f1Macro]
    case .binary: [.accuracy, .rocAUC, .logLoss]
    case .multiLabel: [.f1Macro, .rocAUC]
    case .regression: [.rmse, .mae]
    case .transcription: [.tokenErrorRate]
    }
  }

  /// The sentence that says which metrics would have fitted.
  private static func complaint(_ metric: MetricName, _ heads: [MetricHead]) -> String {
    let fitting = heads.map { head in
      let names = MetricName.allCases.filter { fits($0, head) }.map(\.rawValue)
      return "\(head.name) (\(head.lossName)): \(names.joined(separator: " "))"
    }
    return "metric \(metric.rawValue) fits no head of this model; "
      + "what fits is, for \(fitting.joined(separator: "; for "))"
  }

  /// What must be gathered for `metrics`.
  static func needs(of metrics: [MetricName]) -> MetricNeeds {
    var needs: MetricNeeds = []
    for metric in metrics {
      switch metric {
      case .loss, .tokenErrorRate, .characterErrorRate, .wordErrorRate: break
      case .top5: needs.insert(.top5)
      case .confusion: needs.insert([.counts, .matrix])
      case .rocAUC, .averagePrecision: needs.insert(.scores)
      case .logLoss: needs.insert(.logLoss)
      case .rmse, .mae, .r2: needs.insert(.moments)
      default: needs.insert(.counts)
      }
    }
    return needs
  }
}
