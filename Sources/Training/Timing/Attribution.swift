/// Who kept the others waiting, and why: a pure function of the times of all ranks, fed step by step.
///
/// A rank is *ready* when its gradients are done: start + input + compute. These are its own times; what
/// it waited for others is not in them, so a rank that others made late is not blamed. The rank that is
/// ready last is late by its distance to the median of the others, and the part of its own times that
/// exceeds the others' median most is why.
public struct Attribution: Sendable {
  /// Why a rank is late.
  public enum Cause: String, Sendable, Codable, CaseIterable {
    /// It waited for its own input.
    case input
    /// Its forward and backward passes took longer.
    case compute
    /// Its part of the update took longer.
    case update
    /// What it did between two steps took longer: log, evaluation, checkpoint.
    case between
    /// The last exchange let it go later than the others.
    case network

    /// In a sentence.
    var phrase: String {
      switch self {
      case .input: "its own input"
      case .compute: "its own compute"
      case .update: "its own part of the update"
      case .between: "its own work between the steps"
      case .network: "the network: weights reached it late"
      }
    }
  }

  /// What was found out about one rank.
  public struct RankFindings: Sendable, Equatable {
    /// Steps in which it was ready last by more than the threshold.
    public var lateSteps = 0
    /// Seconds it was late in these steps.
    public var lateSeconds = 0.0
    /// The same by cause.
    public var causes = [Double](repeating: 0, count: Cause.allCases.count)
    /// Seconds it waited for the last rank.
    public var waitSeconds = 0.0
    /// The exponentially weighted share of late steps; the last fifty steps count most.
    public var trend = 0.0
    /// The longest delay, with step and cause.
    public var worst = (seconds: 0.0, step: 0, cause: Cause.compute)

    /// The cause of most of its delay.
    public var cause: Cause {
      let most = causes.indices.max { causes[$0] < causes[$1] } ?? 0
      return Cause.allCases[most]
    }

    /// Equal in all parts.
    public static func == (left: Self, right: Self) -> Bool {
      (left.lateSteps, left.lateSeconds, left.causes) == (
        right.lateSteps, right.lateSeconds, right.causes
      )
        && (left.waitSeconds, left.trend) == (right.waitSeconds, right.trend)
        && left.worst == right.worst
    }
  }

  /// By rank.
  public private(set) var ranks: [RankFindings]
  /// Steps seen.
  public private(set) var steps = 0
  /// Seconds of these steps, on the rank that took longest.
  public private(set) var seconds = 0.0
  private var last: [StepTimes] = []

  /// A late rank is one that is late by at least this share of the step; what is less is noise.
  static let threshold = 0.02

  /// Nothing seen yet, of so many ranks.
  public init(ranks: Int) { self.ranks = [RankFindings](repeating: RankFindings(), count: ranks) }

  /// Takes one step in.
  ///
  /// - Parameters:
  ///   - step: its number from 1.
  ///   - times: by rank; starts on one common clock.
  public mutating func add(step: Int, _ times: [StepTimes]) {
    precondition(times.count == ranks.count, "times of \(times.count) ranks, not \(ranks.count)")
    defer { last = times }
    steps += 1
    let duration = times.map { $0.finish - $0.start }.max() ?? 0
    seconds += Double(duration) * 1e-9
    guard ranks.count > 1 else { return }
    let ready = times.map(\.ready)
    let latest = ready.max() ?? 0
    for rank in ranks.indices {
      ranks[rank].waitSeconds += Double(min(latest - ready[rank], times[rank].exchange)) * 1e-9
    }
    let late = verdict(times, ready)
    let isLate = Double(late.nanoseconds) >= Self.threshold * Double(duration)
    // The first steps weigh as in a plain mean, later ones by a fiftieth.
    let weight = max(1 / Double(steps), 0.02)
    for rank in ranks.indices {
      let hit = isLate && rank == late.rank ? 1.0 : 0.0
      ranks[rank].trend += weight * (hit - ranks[rank].trend)
    }
    guard isLate else { return }
    let seconds = Double(late.nanoseconds) * 1e-9
    ranks[late.rank].lateSteps += 1
    ranks[late.rank].lateSeconds += seconds
    ranks[late.rank].causes[Cause.allCases.firstIndex(of: late.cause) ?? 0] += seconds
    if seconds > ranks[late.rank].worst.seconds {
      ranks[late.rank].worst = (seconds, step, late.cause)
    }
  }

  /// The rank that held this step up most, by how much, and why.
  private func verdict(
    _ times: [StepTimes], _ ready: [Int]
  ) -> (rank: Int, nanoseconds: Int, cause: Cause) {
    let slowest = ready.indices.max { ready[$0] < ready[$1] } ?? 0
    let late = Self.excess(ready, slowest)
    let updates = times.map(\.update)
    let slowestUpdate = updates.indices.max { updates[$0] < updates[$1] } ?? 0
    let updateExcess = Self.excess(updates, slowestUpdate)
    if updateExcess > late { return (slowestUpdate, updateExcess, .update) }
    var parts: [(Cause, Int)] = [
      (.compute, Self.excess(times.map(\.compute), slowest)),
      (.input, Self.excess(times.map(\.input), slowest)),
    ]
    if last.count == times.count {
      let gaps = times.indices.map { times[$0].start - last[$0].finish }
      parts.append((.between, Self.excess(gaps, slowest)))
      parts.append((.network, Self.excess(last.map(\.finish), slowest)))
    }
    let cause = parts.max { $0.1 < $1.1 }?.0 ?? .compute
    return (slowest, late, cause)
  }

  /// By how much one number exceeds the median of the others.
  private static func excess(_ numbers: [Int], _ index: Int) -> Int {
    var others = numbers
    let own = others.remove(at: index)
    others.sort()
    let middle = others.count / 2
    let median =
      others.count % 2 == 1
      ? others[middle] : others[middle - 1] + (others[middle] - others[middle - 1]) / 2
    return own - median
  }
}
