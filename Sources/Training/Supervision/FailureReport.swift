import Foundation
import Glibc

/// `failure.json` of a run: every start that failed, and what was done about it.
public struct FailureReport: Sendable, Codable {
  /// The failures, oldest first; at most the last hundred.
  public var failures: [Failure] = []
  private static let most = 100

  /// One start that failed.
  public struct Failure: Sendable, Codable {
    /// Which start of this supervisor it was, from 1.
    public var start: Int
    /// Seconds since 1970 when it ended.
    public var time: Double
    /// Seconds from the start to the end.
    public var seconds: Double
    /// What the start ended with, as an exit code of the program.
    public var status: Int32
    /// The signal that ended a rank or `mpirun`, if one did.
    public var signal: Int32?
    /// The sentence that a person was told.
    public var sentence: String
    /// The rank that failed first, where that is known.
    public var rank: Int?
    /// Its node's host name.
    public var host: String?
    /// The step it was in, from 1.
    public var step: Int?
    /// What it was doing.
    public var phase: String?
    /// Its last state, as in heartbeats.
    public var state: RankState?
    /// Ranks of the start.
    public var ranks: Int
    /// Hosts of the start, empty for this machine.
    public var hosts: [String]
    /// The step of the newest checkpoint at the start; nil where there was none.
    public var checkpointBefore: Int?
    /// The step of the newest checkpoint at the end.
    public var checkpointAfter: Int?
    /// Hosts that later starts leave out, with the reason.
    public var dropped: [String: String] = [:]
    /// Restarts before this failure, without progress between them.
    public var restartsUsed: Int
    /// What was done: `restarted`, or why not.
    public var action: String
    /// The last lines of the job's output.
    public var lines: [String]
  }

  /// The path of the file of a run.
  public static func path(of run: RunFolder) -> String { run.path + "/failure.json" }

  /// The report of a run as it stands; empty where there is none, or none that can be read.
  public init(of run: RunFolder) {
    guard let data = FileManager.default.contents(atPath: Self.path(of: run)),
      let report = try? JSONDecoder().decode(Self.self, from: data)
    else { return }
    failures = report.failures
  }

  /// Adds a failure and replaces the file whole.
  ///
  /// - Parameters:
  ///   - failure: what happened.
  ///   - run: the run folder, which must hold this run: nothing is written where there is none.
  /// - Returns: false if it could not be written.
  mutating func add(_ failure: Failure, to run: RunFolder) -> Bool {
    failures = (failures + [failure]).suffix(Self.most)
    guard access(run.identity, F_OK) == 0 else { return true }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    let hidden = "\(run.path)/.failure.json"
    guard let data = try? encoder.encode(self), Heartbeats.put(data, hidden, O_CREAT | O_TRUNC)
    else {
      unlink(hidden)
      return false
    }
    return rename(hidden, Self.path(of: run)) == 0
  }
}
