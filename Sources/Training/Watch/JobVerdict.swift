/// Why a job ends, as the first of its processes that knew has recorded it.
public struct JobVerdict: Sendable, Equatable, Codable {
  /// The kind of reason.
  public enum Cause: String, Sendable, Codable {
    /// Ranks keep the others waiting; a watchdog ended the job.
    case late
    /// A node has sent no heartbeat while nothing moved.
    case silent
    /// Nothing moved though every rank can; the network between nodes does not carry.
    case network
    /// Processes of ranks are gone.
    case dead
    /// A rank met an error and said so.
    case error
    /// The supervisor ended what was left of the job.
    case ended

    /// Whether a watchdog ended the job.
    var isStandstill: Bool { self == .late || self == .silent || self == .network }

    /// Whether a node may have lost its way to `mpirun`, so that its daemon must go with its ranks.
    var isolates: Bool { self == .silent || self == .network || self == .ended }
  }

  /// The kind of reason.
  public var cause: Cause
  /// The sentence for a person, without the program's name.
  public var sentence: String
  /// The ranks that caused it, with where they were; empty where none did.
  public var ranks: [RankState]
  /// The mark of the job's start; nil where no supervisor started it.
  public var job: String?

  /// A verdict from its parts.
  public init(_ cause: Cause, _ sentence: String, ranks: [RankState] = [], job: String? = nil) {
    self.cause = cause
    self.sentence = sentence
    self.ranks = ranks
    self.job = job
  }
}
