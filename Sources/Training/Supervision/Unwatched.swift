import Glibc

/// The time in which no watchdog looks at a job: before its first heartbeat, and after its last.
///
/// Watchdogs live from when the run folder is taken to the end of the run. What hangs before or after (a host
/// that does not answer, a data file that cannot be read, a rank that was stopped) only the supervisor can see.
struct Unwatched {
  /// Seconds without any sign of life.
  private(set) var seconds = 0.0
  private var wasHeard = false
  private var outputBytes = 0
  private var moved: [pid_t: UInt64] = [:]

  /// Takes a look.
  ///
  /// Signs of life are a heartbeat, output, a process of this host that came or went, and 64 KiB moved to or from
  /// storage. Processor time is none: a rank that waits for another uses it. A job of this host whose ranks are
  /// all there and stopped was suspended whole, and is not late.
  ///
  /// - Parameters:
  ///   - start: the job.
  ///   - hasBeats: whether there are heartbeats of it.
  ///   - isHeard: whether new ones come.
  ///   - seconds: since the last look.
  mutating func look(
    _ start: JobStart, hasBeats: Bool, isHeard: Bool, after seconds: Double
  ) {
    guard !isHeard else {
      self = Unwatched()
      wasHeard = true
      return
    }
    let before = (outputBytes, moved)
    outputBytes = start.process.last.byteCount
    moved = [:]
    for process in start.processes { moved[process] = ProcessUse.storageBytes(process) ?? 0 }
    let isSame =
      outputBytes == before.0 && moved.keys == before.1.keys
      && moved.allSatisfy { $1 < (before.1[$0] ?? 0) + 65_536 }
    let ranks = isSame ? self.ranks : []
    let isWhole = ranks.count == start.ranks && hasBeats == wasHeard
    let isSuspended = isWhole && ranks.allSatisfy { $0.condition == .stopped }
    self.seconds = isSame && !isSuspended ? self.seconds + seconds : 0
  }

  /// What is recorded of a job that has stood still too long: the ranks of this host that are stopped, or wait for a
  /// device, and where it stood.
  var verdict: JobVerdict {
    let ranks = ranks
    let stopped = ranks.filter { $0.condition == .stopped }
    let late = stopped.isEmpty ? ranks.filter { $0.condition == .uninterruptible } : stopped
    let place = wasHeard ? "after the last heartbeat" : "before the first heartbeat"
    let parts =
      ["the job shows no sign of life for \(Int(seconds.rounded())) s, \(place)"]
      + late.compactMap { state in
        Verdict.process(state).map { "rank \(state.rank) on node \(state.node): \($0)" }
      }
    return JobVerdict(.late, parts.joined(separator: "; "), ranks: late)
  }

  /// The ranks that run on this host.
  private var ranks: [RankState] { moved.keys.sorted().compactMap(Self.state) }

  /// A rank that runs on this host; nil for another process.
  private static func state(of process: pid_t) -> RankState? {
    guard let status = ProcessStatus(of: process), let rank = JobMark.rank(of: process) else {
      return nil
    }
    return RankState(
      rank: rank, node: JobStart.hostName, process: process,
      condition: RankState.Condition(status, birth: 0), step: 0, phase: .other)
  }
}
