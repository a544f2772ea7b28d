import Glibc

/// Finds out which hosts can still run a rank.
///
/// Every host runs the program once, through the same launch agent and networks as the job: what would keep
/// the job from starting there also keeps the probe.
struct NodeProbe {
  /// How ranks are started.
  let place: JobPlace
  /// The program, by a path that holds on every host.
  let program: String
  /// Seconds a host may take.
  static let limit = 20.0
  private static let atOnce = 16

  /// Tries all hosts, several at once.
  ///
  /// - Parameters:
  ///   - wake: becomes readable with a signal to this process.
  ///   - isStopped: asked between two looks; the probe ends early where it says so.
  /// - Returns: the reason by host, of those that failed.
  /// - Throws: ``TrainingError`` if no process can be started here.
  func failures(wake: Int32, isStopped: () -> Bool) throws -> [String: String] {
    var failed: [String: String] = [:]
    var rest = (place.hosts?.hosts ?? []).map(\.name)[...]
    while !rest.isEmpty, !isStopped() {
      let group = rest.prefix(Self.atOnce)
      rest = rest.dropFirst(Self.atOnce)
      failed.merge(try probe(Array(group), wake, isStopped)) { $1 }
    }
    return failed
  }

  private func probe(
    _ names: [String], _ wake: Int32, _ isStopped: () -> Bool
  ) throws -> [String: String] {
    let mark = JobMark()
    var running = try names.map { name in
      (name: name, process: try begin(on: name, mark))
    }
    var failed: [String: String] = [:]
    let start = StepClock.now()
    while !running.isEmpty, Double(StepClock.now() - start) * 1e-9 < Self.limit, !isStopped() {
      var end = pollfd(fd: wake, events: Int16(POLLIN), revents: 0)
      poll(&end, wake >= 0 ? 1 : 0, 50)
      running.removeAll { probe in
        guard let status = probe.process.reap() else { return false }
        if status != 0 { failed[probe.name] = "its probe ended with \(Self.code(status))" }
        return true
      }
    }
    for probe in running {
      failed[probe.name] = "its probe was not done after \(Int(Self.limit)) s"
      for process in probe.process.members { kill(process, SIGKILL) }
    }
    for process in mark.processes { kill(process, SIGKILL) }
    for probe in running { while probe.process.reap() == nil { usleep(10_000) } }
    return failed
  }

  private func begin(on name: String, _ mark: JobMark) throws -> JobProcess {
    var alone = place
    alone.hosts = HostList(hosts: [HostList.Host(name: name, slots: 1)])
    return try JobProcess(
      alone.command(ranks: 1) + [program, "--version"], environment: alone.environment(mark),
      isSilent: true)
  }

  private static func code(_ status: Int32) -> Int32 {
    status & 0x7f != 0 ? 128 + status & 0x7f : (status >> 8) & 0xff
  }
}
