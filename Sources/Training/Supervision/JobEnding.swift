import Glibc

/// How one start of a job ended, made of what is known afterwards.
///
/// Nothing that `mpirun` prints is read. Its exit status tells the code or signal of the first rank that
/// failed; which rank that was, and where, is told by the verdict that the ranks recorded.
package struct JobEnding: Sendable, Equatable {
  /// The status that the start ended with.
  package var status = ExitStatus.failure
  /// The signal that ended a rank or `mpirun`, if one did.
  package var signal: Int32?
  /// Which rank failed first, and where it was, where that is known.
  package var culprit: RankState?
  /// The other ranks that failed with it.
  package var others: [RankState] = []
  /// What happened, for a person: no program's name, no full stop.
  package var sentence: String
  /// Whether the ranks have told a person themselves.
  package var isTold = false

  /// What is known after a start.
  package struct Evidence: Sendable {
    /// The status of `waitpid(2)`.
    package var wait: Int32
    /// What the ranks recorded.
    package var verdict: JobVerdict?
    /// The last known state of every rank, from heartbeats.
    package var states: [RankState] = []
    /// R.
    package var ranks = 1
    /// Whether the run was asked to save and stop.
    package var wasAsked = false
    /// Whether the supervisor ended the job against its will.
    package var wasForced = false
    /// Whether the run has what a finished run leaves; nil where it would leave nothing.
    package var isComplete: Bool?
    /// Whether this start has left that.
    package var hasFinished = false
    /// Whether a heartbeat of the start was heard.
    package var wasHeard = true
    /// The program that started the ranks.
    package var starter = "mpirun"

    /// The evidence of a status alone.
    package init(wait: Int32) { self.wait = wait }
  }

  /// Signals have numbers up to this one.
  private static let lastSignal: Int32 = 64

  /// The ending that the evidence shows.
  package init(_ evidence: Evidence) {
    let code = (evidence.wait >> 8) & 0xff
    let own = evidence.wait & 0x7f
    // 128 and more: `mpirun` tells of a rank's signal; still more is what a launch agent ended with.
    signal = own != 0 ? own : (129...128 + Self.lastSignal).contains(code) ? code - 128 : nil
    // What the supervisor itself sent is not why.
    if evidence.wasForced, own != 0 { signal = nil }
    culprit = evidence.verdict?.ranks.first
    others = Array((evidence.verdict?.ranks ?? []).dropFirst())
    sentence = ""
    if evidence.wait == 0, evidence.isComplete != false {
      status = .done
    } else if own == 0, let known = ExitStatus(rawValue: code), Self.isDecision(known) {
      // What a rank found wrong, or that it has saved: it has said so.
      (status, isTold) = (known, true)
      sentence = evidence.verdict?.sentence ?? "the ranks ended with \(code)"
    } else if evidence.hasFinished {
      // Whatever the last processes met on their way out, nothing of the run is lost.
      describe(evidence, code)
      (status, isTold) = (.done, false)
      sentence = "the run is complete; on its way out, " + sentence
    } else if evidence.wasAsked {
      status = .runAgain
      sentence = "the job was asked to save and stop, and ended before it had saved"
    } else if let verdict = evidence.verdict, verdict.cause.isStandstill {
      (status, signal) = (.watchdog, nil)
      sentence = verdict.sentence
    } else {
      describe(evidence, code)
    }
  }

  /// Whether ranks that end with this status have decided so, in order.
  private static func isDecision(_ status: ExitStatus) -> Bool {
    status != .done && status != .failure && status != .watchdog
  }

  /// A start that ended with a signal, an unknown code or an internal error.
  private mutating func describe(_ evidence: Evidence, _ code: Int32) {
    // That the supervisor ended it says nothing of why.
    let verdict = evidence.verdict.flatMap { $0.cause == .ended ? nil : $0 }
    if let signal {
      let name = String(cString: strsignal(signal))
      sentence = "\(Self.victim(evidence, verdict)) ended by signal \(signal) (\(name))"
      // What the kernel kills for want of memory it kills so.
      if signal == SIGKILL { sentence += ", perhaps for want of memory" }
    } else if evidence.wasForced {
      let end = "\(evidence.starter) did not end and was killed"
      sentence = verdict.map { "\($0.sentence); \(end)" } ?? end
    } else if let verdict, verdict.cause == .dead {
      sentence = verdict.sentence + "; it left by itself"
    } else if code == 0 {
      sentence = "all ranks ended with 0, but the run is not finished"
    } else {
      sentence = verdict?.sentence ?? "\(evidence.starter) ended with \(code)"
      isTold = code == ExitStatus.failure.rawValue
      // It is told to be quiet.
      if !evidence.wasHeard, !isTold { sentence += "; `launch/mpirun doctor` shows what it says" }
    }
  }

  /// Who was ended by a signal, with the step and what it was doing, as far as heartbeats tell.
  private static func victim(_ evidence: Evidence, _ verdict: JobVerdict?) -> String {
    if let verdict { return "\(verdict.sentence); the job was" }
    if evidence.ranks == 1, let only = evidence.states.first {
      return "in \(only.place): rank 0 on node \(only.node) was"
    }
    // The starter lived to tell of a signal that was not its own.
    if evidence.ranks == 1, evidence.wait & 0x7f == 0 {
      return "rank 0, which had not sent a heartbeat yet, was"
    }
    let step = evidence.states.map(\.step).max().map { "in step \($0): " } ?? ""
    return "\(step)a rank or \(evidence.starter) was"
  }
}
