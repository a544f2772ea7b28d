import Foundation
import Glibc

extension Supervisor {
  /// What was heard of a job while it ran.
  private struct Watch {
    var escalation: Escalation
    var wasAsked = false
    var last = StepClock.now()
    var sinceLook = 0.0
    var verdict: JobVerdict?
    var beats: [String: Heartbeats.Beat] = [:]
    /// Seconds since any heartbeat was heard.
    var silence = 0.0
    var isEmpty = false
    var unwatched = Unwatched()
    /// Whether its heartbeats are there: from then on its ranks hear signals.
    var isHeard = false
    /// Whether it was asked to stop while nobody may have heard.
    var askAgain = false
    var wantsSave = false
  }

  /// Watches a start to the end of the process that started its ranks.
  ///
  /// - Returns: how it ended.
  func attend(_ start: JobStart) throws -> JobEnding {
    var watch = Watch(escalation: Escalation(grace: options.grace))
    // The wish to stop may have come between two starts.
    if isStopped { received.stop = true }
    while true {
      let wait = start.process.advance(0.25, wake: wake)
      let now = StepClock.now()
      // Time in which this process stood still does not count.
      let seconds = min(1, Double(now - watch.last) * 1e-9)
      watch.last = now
      lookForSignals()
      if let wait {
        look(start, &watch)
        return ending(start, watch, wait)
      }
      passOn(start, &watch)
      watch.sinceLook += seconds
      if watch.sinceLook >= 1 {
        look(start, &watch)
        let isHeard = watch.isHeard && watch.silence < 5
        watch.unwatched.look(
          start, hasBeats: watch.isHeard, isHeard: isHeard, after: watch.sinceLook)
        watch.sinceLook = 0
      }
      let limit = options.watchdogSeconds
      let isOverdue = limit > 0 && watch.unwatched.seconds >= 10 * limit
      if isOverdue, watch.verdict == nil { watch.verdict = watch.unwatched.verdict }
      let action = watch.escalation.advance(
        seconds, stop: received.stop, insists: received.insists, hasVerdict: watch.verdict != nil,
        isEmpty: watch.isEmpty, isOverdue: isOverdue)
      received = SupervisorSignals.Received()
      perform(action, start, &watch)
    }
  }

  /// Takes the signals that came.
  @discardableResult
  func lookForSignals() -> Supervisor {
    let new = SupervisorSignals.take(wake)
    received.stop = received.stop || new.stop
    received.insists = received.insists || new.insists
    received.save = received.save || new.save
    received.suspend = received.suspend || new.suspend
    isStopped = isStopped || new.stop
    return self
  }

  /// Passes on the wishes that end nothing.
  private func passOn(_ start: JobStart, _ watch: inout Watch) {
    // Whoever does not catch a signal yet, or no more, would be ended by it.
    watch.wantsSave = watch.wantsSave || received.save
    if watch.wantsSave, watch.isHeard {
      start.process.send(SIGUSR2)
      watch.wantsSave = false
    }
    if watch.askAgain, watch.isHeard {
      start.process.send(SIGUSR1)
      watch.askAgain = false
    }
    guard received.suspend else { return }
    // `mpirun` stops its ranks and lets them go on; so does the shell with this process.
    if start.isMpirun { start.process.send(SIGTSTP) }
    kill(getpid(), SIGSTOP)
    if start.isMpirun { start.process.send(SIGCONT) }
    watch.last = StepClock.now()
  }

  private func perform(_ action: Escalation.Action?, _ start: JobStart, _ watch: inout Watch) {
    switch action {
    case .ask:
      watch.wasAsked = true
      watch.askAgain = !watch.isHeard
      start.process.send(SIGUSR1)
    case .terminate: start.process.send(SIGTERM)
    case .kill:
      // Ranks of other hosts, which no signal from here reaches, obey this.
      _ = start.heartbeats.record(
        JobVerdict(.ended, "the supervisor ended what was left of the job"))
      start.process.send(SIGKILL)
      for process in start.processes { kill(process, SIGKILL) }
    case nil: break
    }
  }

  /// Reads what the ranks have written, and whether any is left.
  private func look(_ start: JobStart, _ watch: inout Watch) {
    watch.verdict = start.heartbeats.verdict ?? watch.verdict
    let beats = start.heartbeats.read()
    watch.isHeard = !beats.isEmpty
    let numbers = { (beats: [String: Heartbeats.Beat]) in beats.mapValues(\.number) }
    watch.silence = numbers(beats) == numbers(watch.beats) ? watch.silence + 1 : 0
    if !beats.isEmpty { watch.beats = beats }
    // Of a job that has been heard and is no more, perhaps nothing is left but its starter.
    watch.isEmpty =
      !watch.beats.isEmpty && watch.silence >= silenceLimit(watch.beats)
      && !hasRank(start, watch.beats)
  }

  /// Seconds without a heartbeat after which none may be left who could write one.
  ///
  /// A file server between hosts may hold heartbeats up for as long as the watchdog is patient.
  private func silenceLimit(_ beats: [String: Heartbeats.Beat]) -> Double {
    let host = JobStart.hostName
    guard beats.values.contains(where: { $0.node != host }) else { return 5 }
    return options.watchdogSeconds > 0 ? max(5, options.watchdogSeconds) : .infinity
  }

  /// Whether a rank that was heard of on this host still runs; those of other hosts are heard.
  private func hasRank(_ start: JobStart, _ beats: [String: Heartbeats.Beat]) -> Bool {
    let host = JobStart.hostName
    return beats.values.contains { beat in
      beat.node == host && beat.ranks.contains { start.mark.isOn($0.process) }
    }
  }

  private func ending(_ start: JobStart, _ watch: Watch, _ wait: Int32) -> JobEnding {
    var evidence = JobEnding.Evidence(wait: wait)
    evidence.verdict = watch.verdict
    evidence.states = watch.beats.values.flatMap(\.ranks)
    evidence.ranks = start.ranks
    evidence.wasAsked = watch.wasAsked || isStopped
    evidence.wasForced = watch.escalation.isForced
    evidence.isComplete = start.isComplete
    evidence.hasFinished = start.hasFinished
    evidence.wasHeard = !watch.beats.isEmpty
    evidence.starter = options.place.starter.first ?? "mpirun"
    return JobEnding(evidence)
  }

  /// Waits until nothing is left of a start, and ends what is.
  ///
  /// Processes of this host are found by their mark and session, and killed after five seconds; ranks of others are
  /// waited for until their heartbeats have been silent for four.
  ///
  /// - Throws: ``TrainingError`` with `failure` if ranks of another host go on, or processes of this one cannot be
  ///   ended.
  func settle(_ start: JobStart) throws {
    let limit = options.watchdogSeconds + 60
    var waited = 0.0
    while case let left = start.processes, !left.isEmpty {
      if waited >= 5 { for process in left { kill(process, SIGKILL) } }
      guard waited < limit else {
        throw TrainingError(
          .failure,
          "processes \(left.sorted().map(String.init).joined(separator: ", ")) of the job cannot be ended, for they "
            + "wait for a disk or a file server; start it again once they are gone")
      }
      usleep(50_000)
      waited += 0.05
    }
    let host = JobStart.hostName
    var heard = start.heartbeats.read().filter { $0.value.node != host }
    guard !heard.isEmpty else { return }
    _ = start.heartbeats.record(
      JobVerdict(.ended, "the supervisor ended what was left of the job"))
    var silence = 0
    waited = 0
    while silence < 4 {
      guard waited < limit else {
        throw TrainingError(
          .failure,
          "ranks on \(heard.values.map(\.node).sorted().joined(separator: ", ")) still run "
            + "\(Int(limit)) s after their job ended; end them before you start it again")
      }
      sleep(1)
      waited += 1
      let now = start.heartbeats.read().filter { $0.value.node != host }
      silence = now.mapValues(\.number) == heard.mapValues(\.number) ? silence + 1 : 0
      heard = now
    }
  }

  /// Waits before the next start.
  ///
  /// - Returns: false if someone asked to stop meanwhile.
  func rest(_ seconds: Double) throws -> Bool {
    let begin = StepClock.now()
    while Double(StepClock.now() - begin) * 1e-9 < seconds {
      var end = pollfd(fd: wake, events: Int16(POLLIN), revents: 0)
      poll(&end, wake >= 0 ? 1 : 0, 100)
      if lookForSignals().isStopped { return false }
    }
    received = SupervisorSignals.Received()
    return !isStopped
  }
}
