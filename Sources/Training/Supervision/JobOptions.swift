/// What a supervisor runs, where, and how long it tries.
public struct JobOptions: Sendable {
  /// The program's arguments on every rank, without its name.
  public var arguments: [String]
  /// The run folder, whose heartbeats and checkpoints tell how a job does; the supervisor must see it.
  public var runFolder: RunFolder
  /// The ranks wanted; nil for as many as the hosts have slots.
  public var ranks: Int?
  /// V: a step has no work for more ranks; nil where that follows from the ranks.
  public var mostRanks: Int?
  /// Where and how ranks are started.
  public var place: JobPlace
  /// Restarts without progress between them.
  public var restarts: Int
  /// Seconds between the wish to stop and the end by force.
  public var grace: Double
  /// Hosts that must be left.
  public var minimumHosts: Int
  /// `distributed.watchdogSeconds`.
  public var watchdogSeconds: Double
  /// Whether the job keeps nothing.
  public var isDryRun: Bool

  /// Options from their parts.
  public init(
    arguments: [String], runFolder: RunFolder, ranks: Int?, mostRanks: Int? = nil,
    place: JobPlace = JobPlace(), restarts: Int = 0, grace: Double = 120, minimumHosts: Int = 1,
    watchdogSeconds: Double = 120, isDryRun: Bool = false
  ) {
    self.arguments = arguments
    self.runFolder = runFolder
    self.ranks = ranks
    self.mostRanks = mostRanks
    self.place = place
    self.restarts = restarts
    self.grace = grace
    self.minimumHosts = minimumHosts
    self.watchdogSeconds = watchdogSeconds
    self.isDryRun = isDryRun
  }

  /// Ranks that are started on the hosts as they are now.
  ///
  /// - Throws: ``TrainingError`` with `usage` if more are wanted than there are slots.
  func rankCount(first: Bool) throws -> Int {
    let most = mostRanks ?? Int.max
    guard let slots = place.hosts?.slots else { return ranks ?? 1 }
    if let ranks, ranks > slots, first {
      throw TrainingError(
        .usage, "--ranks \(ranks): the hosts have \(slots) slots; name more by NAME:N")
    }
    return min(ranks ?? min(slots, most), slots)
  }
}
