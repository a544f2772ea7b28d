import Reports

/// Where the time of a run went, rank by rank, and who kept the others waiting.
public struct TimingReport: Sendable, Equatable, Codable {
  /// Steps of the last start.
  public var steps: Int
  /// One row per rank.
  public var ranks: [RankTiming]
  /// Sentences for a person, the most important first.
  public var findings: [String]

  /// One rank's row.
  public struct RankTiming: Sendable, Equatable, Codable {
    /// The world rank.
    public var rank: Int
    /// The node's host name.
    public var node: String
    /// Seconds by part: the phases, with `reduce`, `wire` and `publish` split into `wait` (for a rank
    /// that was ready later) and `exchange` (the rest).
    public var seconds: [String: Double]
    /// Share of steps in which it was ready last by two percent of the step or more.
    public var lateShare: Double
    /// Seconds it was late, on average over these steps.
    public var meanDelay: Double
    /// Seconds that others waited for it by name inside the exchange.
    public var heldOthers: Double
    /// Why, mostly; nil if it was never late.
    public var cause: Attribution.Cause?
    /// Whether it was late in most of the recent steps.
    public var isChronic: Bool
  }

  /// The parts of the time, in the order of the table.
  public static let parts = [
    "input", "forward", "backward", "wait", "exchange", "update", "evaluation", "checkpoint",
    "other",
  ]

  /// A report from what was measured.
  ///
  /// - Parameters:
  ///   - attribution: who was late.
  ///   - phases: by rank, seconds of each phase in the order of its numbers.
  ///   - held: by rank, seconds that others waited for it by name inside the exchange.
  ///   - nodes: by rank, the host name.
  public init(
    _ attribution: Attribution, phases: [[Double]], held: [Double]? = nil, nodes: [String]
  ) {
    steps = attribution.steps
    ranks = phases.indices.map { rank in
      let found = attribution.ranks[rank]
      return RankTiming(
        rank: rank, node: nodes[rank],
        seconds: Self.split(phases[rank], wait: found.waitSeconds),
        lateShare: Double(found.lateSteps) / Double(max(1, attribution.steps)),
        meanDelay: found.lateSeconds / Double(max(1, found.lateSteps)),
        heldOthers: held?[rank] ?? 0,
        cause: found.lateSteps > 0 ? found.cause : nil, isChronic: found.trend >= 0.5)
    }
    findings = []
    findings = Self.sentences(attribution, ranks)
  }

  private static func split(_ phases: [Double], wait: Double) -> [String: Double] {
    var seconds: [String: Double] = [:]
    var exchange = 0.0
    for phase in Phase.allCases {
      let value = phases[Int(phase.rawValue)]
      if phase.waitsForOthers { exchange += value } else { seconds[phase.name] = value }
    }
    seconds["wait"] = min(wait, exchange)
    seconds["exchange"] = exchange - min(wait, exchange)
    return seconds
  }

  /// Whether a rank is late as a rule: in most steps, or often and for a tenth of the time.
  private static func isHabit(
    _ rank: RankTiming, lost: Double, _ attribution: Attribution
  ) -> Bool {
    // A few steps say nothing about a habit.
    guard attribution.steps >= 10 else { return false }
    if rank.isChronic || rank.lateShare >= 0.5 { return true }
    return rank.lateShare >= 0.1 && lost >= 0.1 * attribution.seconds
  }

  private static func sentences(_ attribution: Attribution, _ ranks: [RankTiming]) -> [String] {
    guard ranks.count > 1, attribution.steps > 0 else { return [] }
    var found: [String] = []
    let lost = attribution.ranks.map(\.lateSeconds)
    let habits = ranks.filter { isHabit($0, lost: lost[$0.rank], attribution) }
    // What a rank cost comes before how often: a rank that is a little late in most steps is no news.
    for rank in habits.sorted(by: { lost[$0.rank] > lost[$1.rank] }) {
      let share = HumanUnits.percent(rank.lateShare, digits: 0)
      let delay = HumanUnits.seconds(rank.meanDelay)
      found.append(
        "rank \(rank.rank) on node \(rank.node) was last in \(share) of steps, by \(delay) on average: "
          + (rank.cause ?? .compute).phrase)
    }
    let mean = attribution.seconds / Double(attribution.steps)
    for rank in ranks where !habits.contains(where: { $0.rank == rank.rank }) {
      let worst = attribution.ranks[rank.rank].worst
      // Once, but long enough to be felt.
      guard worst.seconds > 5 * mean, worst.seconds > 0.01 * attribution.seconds else { continue }
      found.append(
        "once, in step \(worst.step), rank \(rank.rank) on node \(rank.node) was late by "
          + "\(HumanUnits.seconds(worst.seconds)): \(worst.cause.phrase)")
    }
    let held = ranks.reduce(0) { $0 + $1.heldOthers }
    if let rank = ranks.max(by: { $0.heldOthers < $1.heldOthers }),
      rank.heldOthers > 0.05 * attribution.seconds * Double(ranks.count)
    {
      found.append(
        "inside the exchange, rank \(rank.rank) on node \(rank.node) was waited for longest: "
          + "\(HumanUnits.percent(rank.heldOthers / held, digits: 0)) of all such waiting")
    }
    let total = ranks.reduce(0) { $0 + $1.total }
    let wait = ranks.reduce(0) { $0 + ($1.seconds["wait"] ?? 0) } / max(total, 1e-9)
    let exchange = ranks.reduce(0) { $0 + ($1.seconds["exchange"] ?? 0) } / max(total, 1e-9)
    if found.isEmpty { found.append("no rank kept the others waiting as a rule") }
    found.append(
      "waiting for other ranks took \(HumanUnits.percent(wait, digits: 1)) of the time, "
        + "the exchange itself \(HumanUnits.percent(exchange, digits: 1))")
    return found
  }

  /// Ranks that a table shows at most: those that were late most.
  static let shownRanks = 32

  private var shown: [RankTiming] {
    guard ranks.count > Self.shownRanks else { return ranks }
    let most = ranks.sorted { $0.lateShare * $0.meanDelay > $1.lateShare * $1.meanDelay }
    return most.prefix(Self.shownRanks).sorted { $0.rank < $1.rank }
  }

  /// The headings of the table.
  static let headings = ["rank", "node"] + parts + ["late"]

  /// The rows of the table, as texts.
  var rows: [[String]] {
    shown.map { rank in
      ["\(rank.rank)", rank.node]
        + Self.parts.map { part in
          let seconds = rank.seconds[part] ?? 0
          let share = HumanUnits.percent(seconds / max(rank.total, 1e-9), digits: 0)
          return seconds == 0 ? "–" : "\(HumanUnits.seconds(seconds)) \(share)"
        } + [rank.lateShare == 0 ? "–" : HumanUnits.percent(rank.lateShare, digits: 0)]
    }
  }

  /// The table and the findings as lines of text.
  public var text: String {
    var table = TextTable(Self.headings.enumerated().map { .init($1, $0 == 1 ? .left : .right) })
    for row in rows { table.add(row) }
    return table.text(indent: 2) + findings.map { "  \($0)\n" }.joined()
  }
}

extension TimingReport.RankTiming {
  /// Seconds of all parts together.
  var total: Double { seconds.values.reduce(0, +) }
}
