import Checkpoints
import Foundation
import Glibc

/// Starts a job, watches it from outside, and starts it again from its last checkpoint when it fails.
///
/// It contains no MPI, so no fault of the library can take it along. A job is over for it once no process of
/// it is left: neither on this host, nor, by the heartbeats, on another.
public final class Supervisor {
  var options: JobOptions
  let tell: (String) -> Void
  var policy: RestartPolicy
  var wake: Int32 = -1
  var received = SupervisorSignals.Received()
  /// Whether someone asked to save and stop.
  var isStopped = false
  let program: String
  /// How often in a row each host was where a failure began.
  var blames: [String: Int] = [:]

  /// A supervisor; nothing runs yet.
  ///
  /// - Parameters:
  ///   - options: what to run.
  ///   - tell: shows a line to a person.
  public init(_ options: JobOptions, tell: @escaping (String) -> Void) {
    self.options = options
    self.tell = tell
    policy = RestartPolicy(most: options.isDryRun ? 0 : options.restarts)
    let link = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    program = link ?? CommandLine.arguments[0]
  }

  /// Runs the job to its end, over as many starts as that takes.
  ///
  /// - Returns: the status of the job.
  /// - Throws: ``TrainingError`` where nothing else tells a person why it ended.
  public func run() throws -> Int32 {
    wake = SupervisorSignals.begin()
    defer { SupervisorSignals.end(wake) }
    let folder = folderNumber
    var number = 1
    while true {
      if number > 1, folderNumber != folder || folder == nil {
        // The earlier folder is aside; what is there now is what goes on.
        options.arguments.removeAll { $0 == "--fresh" }
      }
      // What an earlier run left is put aside before anything is read.
      let before = options.arguments.contains("--fresh") ? nil : newestStep
      let start = try JobStart(number, options, program, checkpointBefore: before)
      let ending = try attend(start)
      start.finish()
      if ending.status == .done, ending.sentence.isEmpty { return 0 }
      try settle(start)
      guard ending.status != .done else {
        tell(ending.sentence)
        return 0
      }
      guard let pause = try afterFailure(ending, of: start) else {
        if isStopped, RestartPolicy.mayHelp(after: ending.status) {
          return ExitStatus.runAgain.rawValue
        }
        if ending.isTold { return ending.status.rawValue }
        throw TrainingError(ending.status, advice(ending))
      }
      guard try rest(pause) else { return ExitStatus.runAgain.rawValue }
      number += 1
    }
  }

  /// Decides and records what follows a failure.
  ///
  /// - Returns: seconds until the next start; nil for none.
  private func afterFailure(_ ending: JobEnding, of start: JobStart) throws -> Double? {
    let after = newestStep
    let isStandstill = (after ?? -1) <= (start.checkpointBefore ?? -1)
    if !isStandstill { blames = [:] }
    let used = isStandstill ? policy.used : 0
    var decision = Decision(action: "not restarted: \(ending.status.rawValue) would come again")
    if isStopped || ending.status == .runAgain {
      decision.action = "not restarted: asked to stop"
    } else if RestartPolicy.mayHelp(after: ending.status) {
      decision = try decide(after: ending, progressed: !isStandstill)
    }
    if decision.pause != nil {
      announce(ending, after, decision.dropped)
    } else if policy.most > 0, ending.status != .runAgain {
      tell(decision.action)
    }
    report(ending, start, after: after, used: used, decision)
    return decision.pause
  }

  private func announce(_ ending: JobEnding, _ step: Int?, _ dropped: [String: String]) {
    tell(ending.sentence)
    for (host, reason) in dropped.sorted(by: { $0.key < $1.key }) {
      tell("going on without \(host): \(reason)")
    }
    let newest = step.map { "the newest checkpoint is of step \($0)" } ?? "there is no checkpoint"
    tell("starting again, restart \(policy.used) of \(policy.most); \(newest)")
  }

  /// What a person is told of a job that is not started again.
  private func advice(_ ending: JobEnding) -> String {
    switch ending.status {
    case .runAgain:
      ending.sentence
        + (newestStep.map { "; the same command goes on from step \($0)" }
          ?? "; the same command starts it again")
    case .watchdog,
      .failure where ending.signal != nil || ending.culprit != nil:
      ending.sentence + "; the same command goes on from the last checkpoint"
    default: ending.sentence
    }
  }

  private func report(
    _ ending: JobEnding, _ start: JobStart, after: Int?, used: Int, _ decision: Decision
  ) {
    guard start.hasTakenFolder, ending.status != .locked, ending.status != .cannotCreate else {
      return
    }
    let culprit = ending.culprit
    let failure = FailureReport.Failure(
      start: start.number, time: Date().timeIntervalSince1970, seconds: start.seconds,
      status: ending.status.rawValue, signal: ending.signal, sentence: ending.sentence,
      rank: culprit?.rank, host: culprit?.node, step: culprit?.step, phase: culprit?.phase.name,
      state: culprit, ranks: start.ranks, hosts: start.hosts?.hosts.map(\.name) ?? [],
      checkpointBefore: start.checkpointBefore, checkpointAfter: after, dropped: decision.dropped,
      restartsUsed: used, action: decision.action, lines: start.process.last.lines)
    var report = FailureReport(of: options.runFolder)
    guard ending.status != .runAgain || !ending.isTold else { return }
    if !report.add(failure, to: options.runFolder) {
      tell("\(FailureReport.path(of: options.runFolder)) cannot be written")
    }
  }

  /// The step of the newest checkpoint.
  var newestStep: Int? {
    (try? CheckpointFolder(options.runFolder.checkpoints).list())?.first
  }

  /// The number of the run folder in its file system; another one once it was renamed aside.
  private var folderNumber: UInt64? {
    var facts = stat()
    return stat(options.runFolder.path, &facts) == 0 ? UInt64(facts.st_ino) : nil
  }
}
