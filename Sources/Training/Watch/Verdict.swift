/// Who keeps a job from going on: a pure function of what is known about all ranks.
public struct Verdict: Sendable, Equatable {
  /// The ranks that are late; empty where every rank waits for others.
  public var culprits: [Int]
  /// The sentence for a person, without the program's name.
  public var sentence: String

  /// The verdict over a job in which nothing moves.
  ///
  /// Ranks of a silent node come first, then processes that are gone, then stopped ones, then ranks that
  /// do not wait for anybody, then those that others wait for, then those that are behind.
  ///
  /// - Parameters:
  ///   - states: every rank, by rank; the last known state for those of silent nodes.
  ///   - silent: seconds since the last heartbeat, by node, of nodes that send none.
  public init(_ states: [RankState], silent: [String: Double] = [:]) {
    let alive = states.filter { $0.condition != .ended }
    var late = Self.late(alive, silent)
    // Where none is late by itself, those have left that the others wait for.
    if late.isEmpty { late = Self.onOneNode(states.filter { $0.condition == .ended }) }
    culprits = late.map(\.rank)
    guard let first = late.first else {
      sentence =
        "no rank is late by itself: \(Self.waiters(alive)); look at the network between the nodes"
      return
    }
    let others = alive.filter { state in !late.contains { $0.rank == state.rank } }
    var parts: [String]
    if let seconds = silent[first.node] {
      parts = [
        "node \(first.node) has sent no heartbeat for \(Self.seconds(seconds)): \(Self.names(late)) "
          + "last seen in \(first.place); the node or its network is down"
      ]
    } else {
      let isGone = first.condition == .dead || first.condition == .ended
      let verb =
        first.condition == .dead
        ? "died" : isGone ? "left early" : late.count == 1 ? "is late" : "are late"
      let moved = isGone ? "" : ", last moved \(Self.seconds(first.idleSeconds)) ago"
      parts = ["\(Self.names(late)) on node \(first.node) \(verb): \(first.place)\(moved)"]
    }
    if !others.isEmpty { parts.append(Self.waiters(others, for: late.count == 1 ? "it" : "them")) }
    if silent[first.node] == nil { parts += late.compactMap(Self.process) }
    sentence = parts.joined(separator: "; ")
  }

  /// The sentence over ranks that died while the others still moved.
  public init(dead: [RankState], memoryKills: Int = 0) {
    culprits = dead.map(\.rank)
    let first = dead.first
    sentence =
      "\(Self.names(dead)) on node \(first?.node ?? "unknown") died: \(first?.place ?? "unknown"); "
      + dead.compactMap(Self.process).joined(separator: "; ")
    if memoryKills > 0 {
      sentence +=
        "; the kernel killed \(memoryKills == 1 ? "a process" : "\(memoryKills) processes") of this "
        + "job for want of memory (oom_kill)"
    }
  }

  /// What is recorded of this verdict over a job in which nothing moves.
  ///
  /// - Parameters:
  ///   - states: as it was made of.
  ///   - silent: as it was made of.
  /// - Returns: the verdict with its kind and the states of the culprits.
  func forJob(_ states: [RankState], silent: [String: Double]) -> JobVerdict {
    let late = states.filter { culprits.contains($0.rank) }
    let cause: JobVerdict.Cause =
      late.isEmpty ? .network : late.contains { silent[$0.node] != nil } ? .silent : .late
    return JobVerdict(cause, sentence, ranks: late)
  }

  private static func late(_ states: [RankState], _ silent: [String: Double]) -> [RankState] {
    let unheard = states.filter { silent[$0.node] != nil }
    if let node = unheard.first?.node { return unheard.filter { $0.node == node } }
    for condition in [RankState.Condition.dead, .stopped, .frozen] {
      let found = states.filter { $0.condition == condition }
      if !found.isEmpty { return onOneNode(found) }
    }
    let working = states.filter { !$0.isWaiting }
    // One that works at an earlier point of the run keeps the one that works at a later point waiting.
    if !working.isEmpty { return onOneNode(behind(working)) }
    // A rank that is waited for and itself waits for none of the others closes no circle.
    let named = Set(states.flatMap(\.waitsFor))
    let ends = states.filter { named.contains($0.rank) && $0.waitsFor.isEmpty }
    if !ends.isEmpty { return onOneNode(ends) }
    let last = behind(states)
    return last.count == states.count ? [] : onOneNode(last)
  }

  /// Those that have got least far.
  private static func behind(_ states: [RankState]) -> [RankState] {
    func order(_ state: RankState) -> (Int, Int) {
      // A step begins in `other`, before its first microbatch.
      let hasBegun = state.phase != .other || state.microbatch != nil
      return (state.step, hasBegun ? Int(state.phase.rawValue) : -1)
    }
    guard let least = states.map(order).min(by: <) else { return [] }
    return states.filter { order($0) == least }
  }

  private static func onOneNode(_ states: [RankState]) -> [RankState] {
    states.filter { $0.node == states.first?.node }
  }

  /// What the others do meanwhile.
  private static func waiters(_ states: [RankState], for whom: String? = nil) -> String {
    var groups: [(place: String, ranks: [Int])] = []
    for state in states {
      let place = state.phase.name + (state.bucket.map { " of bucket \($0)" } ?? "")
      if let index = groups.firstIndex(where: { $0.place == place }) {
        groups[index].ranks.append(state.rank)
      } else {
        groups.append((place, [state.rank]))
      }
    }
    let object = whom.map { " for \($0)" } ?? ""
    return groups.map { group in
      "\(names(group.ranks)) \(group.ranks.count == 1 ? "waits" : "wait")\(object) in \(group.place)"
    }.joined(separator: ", ")
  }

  /// What the kernel says of a rank's process; nil for one that has ended in order.
  static func process(_ state: RankState) -> String? {
    switch state.condition {
    case .stopped: "process \(state.process) is stopped (state T)"
    case .frozen:
      "process \(state.process) does not run: frozen by its control group, or without a core"
    case .dead: "process \(state.process) is gone"
    case .uninterruptible:
      "process \(state.process) waits for a disk or a file server (state D)"
    case .running: "process \(state.process) is running (state R)"
    case .sleeping: "process \(state.process) sleeps (state S)"
    case .ended: nil
    }
  }

  private static func names(_ states: [RankState]) -> String { names(states.map(\.rank)) }

  /// `rank 3`, or `ranks 0, 1, 4-9`.
  static func names(_ ranks: [Int]) -> String {
    var runs: [ClosedRange<Int>] = []
    for rank in ranks.sorted() {
      if let last = runs.last, last.upperBound + 1 == rank {
        runs[runs.count - 1] = last.lowerBound...rank
      } else {
        runs.append(rank...rank)
      }
    }
    let parts = runs.flatMap { run in
      run.count < 3 ? run.map { "\($0)" } : ["\(run.lowerBound)-\(run.upperBound)"]
    }
    return "\(ranks.count == 1 ? "rank" : "ranks") \(parts.joined(separator: ", "))"
  }

  private static func seconds(_ seconds: Double) -> String {
    seconds < 10 ? "\((seconds * 10).rounded() / 10) s" : "\(Int(seconds.rounded())) s"
  }
}
