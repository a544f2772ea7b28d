import Buffers
import Foundation
import Glibc

/// The thread of a rank that notices when a job stands still, says who is late, and ends the job.
///
/// It takes part in no MPI call and no lock of the compute thread, so it works when that is stuck inside
/// MPI or HDF5. It sleeps most of the time: a look reads memory, and one watchdog per node also asks the
/// kernel about the processes and writes the node's heartbeat.
final class Watchdog: @unchecked Sendable {
  private let board: StatusBoard
  private let facts: WatchFacts
  private let heartbeats: Heartbeats
  /// Seconds between two looks.
  private let interval: Double
  private let killsAtStart: Int?
  private var thread: BackgroundJob<Void>?
  private var wake: [Int32] = [-1, -1]

  // What follows belongs to the watchdog's thread.
  private var view: NodeView
  private var neighbours = Neighbours()
  private var beatNumber = 0
  private var sinceBeat = Double.infinity
  private var deathSeconds = 0.0
  private var hasToldDeath = false
  private var hasWarned = false
  private var verdictSeconds = 0.0

  /// Seconds without any sign of life after which a person is told, long before the job is ended.
  private static let warningSeconds = 25.0
  /// Seconds after which a node ends its ranks by itself, once it is recorded why the job ends: by then
  /// `mpirun` has, if it can.
  private static let obedienceSeconds = 5.0

  /// A watchdog of this rank; it does not run yet.
  ///
  /// - Parameters:
  ///   - board: the node's board.
  ///   - facts: names and limits.
  init(_ board: StatusBoard, _ facts: WatchFacts) {
    self.board = board
    self.facts = facts
    heartbeats = Heartbeats(of: facts.folder)
    interval = facts.limit > 0 ? min(0.25, facts.limit / 8) : 0.25
    killsAtStart = ProcessUse.memoryKills()
    view = NodeView(board, facts)
  }

  /// Starts the thread.
  func start() {
    guard thread == nil, pipe(&wake) == 0 else { return }
    for end in wake { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    // It keeps this object, so the owner must call ``stop()``.
    thread = BackgroundJob("aimass-watch") { self.run() }
  }

  /// Ends the thread and waits for it.
  func stop() {
    guard thread != nil else { return }
    close(wake[1])
    thread = nil
    close(wake[0])
  }

  private func run() {
    var before = StepClock.now()
    var end = pollfd(fd: wake[0], events: Int16(POLLIN), revents: 0)
    while poll(&end, 1, Int32(interval * 1000)) <= 0 {
      let time = StepClock.now()
      // A job that was suspended whole has not been late meanwhile.
      look(after: min(Double(time - before) * 1e-9, 2 * interval))
      before = time
    }
  }

  private func look(after seconds: Double) {
    board.own.beatOnce()
    view.look(after: seconds)
    if board.isCondemned { end(isLeader: false) }
    guard view.leader(patience: 3 * interval) == board.localRank else { return }
    view.ask(after: seconds)
    let states = view.states
    let dead = states.filter { $0.condition == .dead }
    sinceBeat += seconds
    if sinceBeat >= 1 {
      beat(states)
      obey(states)
    }
    if !dead.isEmpty {
      if deathSeconds == 0 { beat(states) }
      mourn(dead, seconds)
    }
    guard facts.limit > 0 else { return }
    if view.isStill(for: min(facts.limit / 2, Self.warningSeconds)) {
      judge(states, seconds)
    } else {
      neighbours = Neighbours()
      hasWarned = false
    }
  }

  private func beat(_ states: [RankState]) {
    beatNumber += 1
    sinceBeat = 0
    heartbeats.write(
      Heartbeats.Beat(
        node: facts.node, number: beatNumber, time: Date().timeIntervalSince1970, ranks: states,
        job: heartbeats.job),
      to: facts.file)
  }

  /// Ends the node's ranks where it was recorded some time ago that the job ends: `mpirun` may be gone, or
  /// out of reach.
  private func obey(_ states: [RankState]) {
    verdictSeconds = heartbeats.verdict == nil ? 0 : verdictSeconds + 1
    if verdictSeconds > Self.obedienceSeconds { condemn(nil, states) }
  }

  /// A process of the node is gone without having said so; `mpirun` usually ends the others now.
  private func mourn(_ dead: [RankState], _ seconds: Double) {
    deathSeconds += seconds
    // Where all are being killed, this one does not live long enough to blame the first.
    if deathSeconds >= 0.2, !hasToldDeath {
      hasToldDeath = true
      let verdict = Verdict(dead: dead, memoryKills: newMemoryKills)
      tell(JobVerdict(.dead, verdict.sentence, ranks: dead))
    }
    if deathSeconds >= Self.obedienceSeconds { _exit(ExitStatus.failure.rawValue) }
  }

  private var newMemoryKills: Int {
    guard let killsAtStart, let now = ProcessUse.memoryKills() else { return 0 }
    return max(0, now - killsAtStart)
  }

  /// Ends the job if nothing moves anywhere.
  private func judge(_ states: [RankState], _ seconds: Double) {
    neighbours.listen(to: heartbeats, but: facts, after: seconds)
    if heartbeats.verdict != nil, !hasToldDeath { condemn(nil, states) }
    guard let others = neighbours.heard(facts) else { return }
    let all = (states + others.states).sorted { $0.rank < $1.rank }
    // Those of a silent node cannot show that they live.
    let speaking = all.filter { others.silent[$0.node] == nil }
    if RankState.areStuck(speaking, min(facts.limit, Self.warningSeconds)) {
      warn(Verdict(all, silent: others.silent).sentence)
    }
    guard RankState.areStuck(speaking, facts.limit) else { return }
    guard all.contains(where: { $0.condition != .ended }) else { return }
    condemn(Verdict(all, silent: others.silent).forJob(all, silent: others.silent), states)
  }

  /// Tells a person, once and on the first node, who is late while there is still time.
  private func warn(_ sentence: String) {
    guard !hasWarned, facts.limit > Self.warningSeconds, facts.file == facts.files.first else {
      return
    }
    hasWarned = true
    let line =
      "aimass: nothing moves: \(sentence); the job is ended after \(Int(facts.limit)) s of that\n"
    _ = line.withCString { Glibc.write(2, $0, strlen($0)) }
  }

  private func condemn(_ verdict: JobVerdict?, _ states: [RankState]) -> Never {
    beat(states)
    if let verdict { tell(verdict) }
    board.isCondemned = true
    end(isLeader: true)
  }

  /// Prints why the job ends, if nobody has.
  private func tell(_ verdict: JobVerdict) {
    guard heartbeats.record(verdict) else { return }
    // The supervisor prints what was recorded when it sees how the job has ended.
    guard heartbeats.job == nil else { return }
    let line = "aimass: \(verdict.sentence)\n"
    _ = line.withCString { Glibc.write(2, $0, strlen($0)) }
  }

  /// Leaves what is known behind and ends this process.
  ///
  /// - Parameter isLeader: whether this watchdog also writes for ranks that cannot.
  private func end(isLeader: Bool) -> Never {
    let recorded = heartbeats.verdict
    let verdict = recorded?.sentence ?? "the watchdog of the node ended the job"
    if !isLeader { view.ask(after: interval) }
    for (index, state) in view.states.enumerated() {
      let isSpeechless = [.stopped, .frozen, .dead].contains(state.condition)
      guard index == board.localRank || (isLeader && isSpeechless) else { continue }
      PostMortem(
        verdict: verdict, time: Date().timeIntervalSince1970, state: state,
        residentBytes: ProcessUse.residentBytes(state.process),
        memoryKills: killsAtStart == nil ? nil : newMemoryKills,
        phases: board.slots[index].phaseSeconds, lastSteps: board.slots[index].lastSteps
      ).write(to: facts.folder)
    }
    // The first to leave makes mpirun end the others: let those of this and other nodes write first.
    let grace = facts.files.count > 1 ? 2.5 : 4 * interval
    usleep(UInt32(grace * 1e6))
    let isFirst = board.ranks.contains(0) && !(recorded?.cause.isolates ?? true)
    if isLeader, !isFirst { endDaemon() }
    _exit(ExitStatus.watchdog.rawValue)
  }

  /// Ends the daemon that started this node's ranks, if `mpirun` has not ended both meanwhile: one that is cut
  /// off would wait for orders for a quarter of an hour.
  private func endDaemon() {
    let daemon = getppid()
    guard ProcessStatus.name(of: daemon) == "orted" else { return }
    sleep(4)
    if getppid() == daemon { kill(daemon, SIGKILL) }
  }
}

/// The heartbeats of the other nodes, as heard while this one stands still.
private struct Neighbours {
  private var tracks: [String: (life: [Int], silence: Double)] = [:]
  private var beats: [String: Heartbeats.Beat] = [:]

  /// Reads all files.
  mutating func listen(to heartbeats: Heartbeats, but facts: WatchFacts, after seconds: Double) {
    guard facts.files.count > 1 else { return }
    beats = heartbeats.read()
    for file in facts.files where file != facts.file {
      let life = [beats[file]?.number ?? -1, heartbeats.touched(file)]
      let before = tracks[file]
      tracks[file] = before?.life == life ? (life, (before?.silence ?? 0) + seconds) : (life, 0)
    }
  }

  /// What is known of the other nodes' ranks, or nil while a node has not been listened to long enough.
  ///
  /// A node that is not heard at all, perhaps for want of a common file system, gets four times as long.
  func heard(_ facts: WatchFacts) -> (states: [RankState], silent: [String: Double])? {
    var states: [RankState] = []
    var silent: [String: Double] = [:]
    for (index, file) in facts.files.enumerated() where file != facts.file {
      let silence = tracks[file]?.silence ?? 0
      guard let beat = beats[file] else {
        guard silence >= 4 * facts.limit else { return nil }
        let name = "of rank \(facts.nodes[index].first ?? 0)"
        silent[name] = silence
        states += facts.nodes[index].map {
          RankState(rank: $0, node: name, step: 0, phase: .other)
        }
        continue
      }
      if silence >= max(facts.limit / 2, 3) { silent[beat.node] = silence }
      states += beat.ranks
    }
    return (states, silent)
  }
}
