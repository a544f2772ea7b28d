extension Supervisor {
  /// What follows a failure that another start may mend.
  struct Decision {
    /// Seconds until the next start; nil for none.
    var pause: Double?
    /// What is done, or why nothing.
    var action: String
    /// Hosts that later starts leave out, with the reason.
    var dropped: [String: String] = [:]
  }

  /// Decides whether and where a job starts again.
  ///
  /// Where too few hosts are left, they are asked again for as long as there are restarts: a network that is away for
  /// a moment takes many with it.
  ///
  /// - Parameters:
  ///   - ending: how it ended.
  ///   - progressed: whether it had left a newer checkpoint.
  /// - Returns: the decision; hosts are left out by then.
  /// - Throws: ``TrainingError`` if no process can be started here.
  func decide(after ending: JobEnding, progressed: Bool) throws -> Decision {
    var decision = Decision(action: "not restarted: \(policy.most) restarts without progress")
    var progressed = progressed
    var answers: [String: NodeProbe.Answer] = [:]
    while let seconds = policy.next(progressed: progressed) {
      answers = try ask(but: answers)
      guard !isStopped else { return Decision(action: "not restarted: asked to stop") }
      var reasons = answers.compactMapValues(\.failure)
      let left = options.place.hosts.map { $0.hosts.count - reasons.count }
      guard let left, left < options.minimumHosts else {
        reasons.merge(blame(ending, answers, spare: (left ?? 0) - options.minimumHosts)) { $1 }
        options.place.hosts?.hosts.removeAll { reasons[$0.name] != nil }
        return Decision(pause: seconds, action: "restarted", dropped: reasons)
      }
      for (host, reason) in reasons.sorted(by: { $0.key < $1.key }) {
        tell("\(host) cannot run a rank: \(reason)")
      }
      decision.action = "not restarted: \(left) of at least \(options.minimumHosts) hosts are left"
      guard progressed || policy.used < policy.most else { break }
      progressed = false
      guard try rest(seconds) else { return Decision(action: "not restarted: asked to stop") }
    }
    return decision
  }

  /// Asks those hosts whether they can run a rank that have not said so.
  private func ask(but known: [String: NodeProbe.Answer]) throws -> [String: NodeProbe.Answer] {
    guard let hosts = options.place.hosts, options.place.starter.isEmpty else { return [:] }
    let names = hosts.hosts.map(\.name).filter { known[$0]?.failure != nil || known[$0] == nil }
    let new = try NodeProbe(place: options.place, program: program).ask(names, wake: wake) {
      lookForSignals().isStopped
    }
    return known.merging(new) { $1 }
  }

  /// Counts on which host a failure began, and leaves out one where two in a row did.
  ///
  /// Which host a rank was on is known by the name that the node gives itself: `mpirun` begins with its own host,
  /// wherever that is in the list.
  private func blame(
    _ ending: JobEnding, _ answers: [String: NodeProbe.Answer], spare: Int
  ) -> [String: String] {
    let nodes = Set(([ending.culprit].compactMap { $0 } + ending.others).map(\.node))
    let hosts = answers.filter { $1.node.map(nodes.contains) ?? false }
    // Nodes of one name cannot be told apart.
    let isClear = Set(hosts.values.compactMap(\.node)).count == hosts.count
    blames = isClear ? blames.filter { hosts[$0.key] != nil } : [:]
    guard isClear else { return [:] }
    for host in hosts.keys { blames[host, default: 0] += 1 }
    let struck = hosts.keys.filter { blames[$0, default: 0] >= 2 }.sorted().prefix(max(0, spare))
    return Dictionary(
      uniqueKeysWithValues: struck.map { ($0, "two failures in a row began there") })
  }
}
