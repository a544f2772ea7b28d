/// Whether a job that failed is started again, and after how long.
///
/// Only progress renews the budget: a checkpoint of a later step than the newest one at the last start.
package struct RestartPolicy: Sendable {
  /// Restarts without progress between them.
  package let most: Int
  /// Restarts since the last progress.
  package private(set) var used = 0
  /// The longest time between two starts, in seconds.
  static let longestPause = 60.0

  /// A policy with a budget of `most` restarts.
  package init(most: Int) { self.most = most }

  /// Whether another start may end otherwise than one that ended with this status.
  ///
  /// What a person must change first (command, configuration, data, folder, versions) and what would
  /// happen again at the same step (numbers that are not finite) is not tried again. Neither is a run
  /// that was asked to save and stop.
  package static func mayHelp(after status: ExitStatus) -> Bool {
    switch status {
    case .failure, .inputOutput, .watchdog: true
    case .done, .usage, .badData, .missingInput, .newerVersion, .cannotCreate, .runAgain,
      .ranksDisagree, .locked, .badConfiguration, .nonFinite:
      false
    }
  }

  /// Takes one restart from the budget.
  ///
  /// - Parameter progressed: whether the last start left a newer checkpoint than it found.
  /// - Returns: seconds to wait before it: 1, doubled with every start without progress, at most 60; nil
  ///   where none is left.
  package mutating func next(progressed: Bool) -> Double? {
    if progressed { used = 0 }
    guard used < most else { return nil }
    used += 1
    return min(Self.longestPause, Double(1 << min(used - 1, 10)))
  }
}
