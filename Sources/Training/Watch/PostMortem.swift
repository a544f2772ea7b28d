import Foundation

/// What a rank leaves behind when a watchdog ends the job.
public struct PostMortem: Sendable, Codable {
  /// Why the job ended, one sentence.
  public var verdict: String
  /// Seconds since 1970.
  public var time: Double
  /// The rank's last state.
  public var state: RankState
  /// Bytes of memory in use, where the process still had some.
  public var residentBytes: Int?
  /// Processes of the job's control group on this node that the kernel killed for want of memory since
  /// the start, where known.
  public var memoryKills: Int?
  /// Seconds by phase, up to the last finished step.
  public var phases: [String: Double]
  /// Seconds of the last steps, oldest first.
  public var lastSteps: [Double]

  /// `post-mortem/rank-0003.json` of a run.
  public static func path(of run: RunFolder, rank: Int) -> String {
    let digits = "\(rank)"
    let number = String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    return "\(folder(of: run))/rank-\(number).json"
  }

  /// Writes the file; a failure is not told, for there is nobody left to tell.
  func write(to run: RunFolder) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(self) else { return }
    mkdir(Self.folder(of: run), 0o777)
    // What a neighbour wrote about a stopped rank stays when that goes on for its last moment.
    _ = Heartbeats.put(data, Self.path(of: run, rank: state.rank), O_CREAT | O_EXCL)
  }

  /// `post-mortem` of a run.
  static func folder(of run: RunFolder) -> String { run.path + "/post-mortem" }

  /// Puts aside what an earlier start left, so that only one start is told about.
  static func prepare(_ run: RunFolder) {
    let aside = folder(of: run) + ".old"
    guard access(folder(of: run), F_OK) == 0 else { return }
    try? FileManager.default.removeItem(atPath: aside)
    rename(folder(of: run), aside)
  }
}
