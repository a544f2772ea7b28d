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

  /// What came of asking a host.
  enum Answer: Equatable {
    /// It runs the program, and calls itself so.
    case node(String)
    /// It does not, for this reason.
    case failed(String)
    /// It had not answered in time.
    case late

    /// The name it gives itself.
    var node: String? { if case .node(let name) = self { name } else { nil } }
    /// Why it cannot run a rank.
    var failure: String? {
      switch self {
      case .node: nil
      case .failed(let reason): reason
      case .late: "its probe was not done after \(Int(NodeProbe.limit)) s"
      }
    }
  }

  /// Asks hosts, several at once, and those that fail once more, each alone.
  ///
  /// Jobs of one user share a folder on a host. One that ends, another probe or the job that has just failed, may
  /// remove it under one that begins, which then fails on a sound host.
  ///
  /// - Parameters:
  ///   - hosts: their names.
  ///   - wake: becomes readable with a signal to this process.
  ///   - isStopped: asked between two looks; the probe ends early where it says so.
  /// - Returns: the answer of each; some are missing where it ended early.
  /// - Throws: ``TrainingError`` if no process can be started here.
  func ask(_ hosts: [String], wake: Int32, isStopped: () -> Bool) throws -> [String: Answer] {
    var answers: [String: Answer] = [:]
    var rest = hosts[...]
    while !rest.isEmpty, !isStopped() {
      let group = rest.prefix(Self.atOnce)
      rest = rest.dropFirst(Self.atOnce)
      answers.merge(try probe(Array(group), wake, isStopped)) { $1 }
      for case (let name, .failed) in answers where group.contains(name) && !isStopped() {
        answers.merge(try probe([name], wake, isStopped)) { $1 }
      }
    }
    return answers
  }

  private func probe(
    _ names: [String], _ wake: Int32, _ isStopped: () -> Bool
  ) throws -> [String: Answer] {
    let mark = JobMark()
    var running = try names.map { name in
      (name: name, process: try begin(on: name, mark))
    }
    var answers: [String: Answer] = [:]
    let start = StepClock.now()
    while !running.isEmpty, Double(StepClock.now() - start) * 1e-9 < Self.limit, !isStopped() {
      var end = pollfd(fd: wake, events: Int16(POLLIN), revents: 0)
      poll(&end, wake >= 0 ? 1 : 0, 50)
      running.removeAll { probe in
        guard let status = probe.process.advance(0, wake: -1) else { return false }
        probe.process.finish()
        answers[probe.name] = Self.answer(status, probe.process.last.lines)
        return true
      }
    }
    for probe in running {
      answers[probe.name] = .late
      for process in probe.process.members { kill(process, SIGKILL) }
    }
    for process in mark.processes { kill(process, SIGKILL) }
    for probe in running {
      while probe.process.reap() == nil { usleep(10_000) }
      probe.process.finish()
    }
    return answers
  }

  private static let word = "node "

  private func begin(on name: String, _ mark: JobMark) throws -> JobProcess {
    var alone = place
    alone.hosts = HostList(hosts: [HostList.Host(name: name, slots: 1)])
    let script = "\"$0\" --version >/dev/null && echo \"\(Self.word)$(uname -n)\""
    return try JobProcess(
      alone.command(ranks: 1) + ["sh", "-c", script, program],
      environment: alone.environment(mark), isSilent: true)
  }

  /// What the end of a probe and its words mean.
  private static func answer(_ status: Int32, _ lines: [String]) -> Answer {
    let node = lines.last { $0.hasPrefix(word) }.map { String($0.dropFirst(word.count)) }
    if status == 0, let node { return .node(node) }
    let code = status & 0x7f != 0 ? 128 + status & 0x7f : (status >> 8) & 0xff
    let words = lines.last { !$0.hasPrefix(word) }.map { " (\($0))" } ?? ""
    return .failed("its probe ended with \(code)\(words)")
  }
}
