import Configuration

/// Which way a metric improves.
public enum Improvement: String, Sendable, Codable, CaseIterable {
  /// A loss or an error.
  case lower
  /// An accuracy or a score.
  case higher

  /// Whether `value` is strictly better than `best`; NaN never is.
  public func improves(_ value: Double, over best: Double) -> Bool {
    self == .lower ? value < best : value > best
  }
}

/// What `plateau` remembers between evaluations; part of every checkpoint.
public struct PlateauState: Sendable, Equatable, Codable {
  /// The factor reached so far, starting at 1.
  public var factor: Double
  /// The best value seen, nil before the first number.
  public var best: Double?
  /// Evaluations in a row without improvement.
  public var badEvaluations: Int

  /// The state before the first evaluation, or one taken from a checkpoint.
  public init(factor: Double = 1, best: Double? = nil, badEvaluations: Int = 0) {
    self.factor = factor
    self.best = best
    self.badEvaluations = badEvaluations
  }

  /// Takes note of one evaluation; without effect where the schedule is not a plateau.
  ///
  /// As in PyTorch's `ReduceLROnPlateau` with `threshold=0`: `patience` evaluations without
  /// improvement are allowed, the next one multiplies `factor` and starts the count again. The
  /// configuration's `minimum` is the least factor.
  ///
  /// - Parameters:
  ///   - metric: the value measured.
  ///   - better: which way it improves.
  ///   - schedule: the configuration's schedule.
  public mutating func observe(
    _ metric: Double, better: Improvement, in schedule: ScheduleConfiguration
  ) {
    guard case .plateau(_, let multiplier, let patience, let minimum) = schedule.form else {
      return
    }
    if !metric.isNaN, best.map({ better.improves(metric, over: $0) }) ?? true {
      best = metric
      badEvaluations = 0
    } else {
      badEvaluations += 1
    }
    guard badEvaluations > patience else { return }
    factor = max(min(factor, minimum), factor * multiplier)
    badEvaluations = 0
  }
}
