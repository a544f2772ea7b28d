import Foundation
import MPI
import Reports

/// How many ranks of how many threads fit the cores that this process really has.
///
/// The machine's core count says nothing inside a batch job or a container; the affinity mask and the
/// control group do.
public struct Placement: Sendable, Equatable {
  /// The processors of the affinity mask.
  public let mask: CPUSet
  /// The control group's limit in cores; nil without one.
  public let quota: Double?

  /// A placement for these cores.
  public init(mask: CPUSet, quota: Double?) {
    self.mask = mask
    self.quota = quota
  }

  /// The cores of this process.
  public static var ofThisProcess: Placement {
    let here = RankPlacement.ofThisProcess(rank: 0, host: "")
    return Placement(mask: here.mask, quota: here.quota)
  }

  /// Cores that ranks may keep busy: those of the mask, and no more than the group grants whole.
  ///
  /// A part of a core counts as none: ranks wait for each other, so one that is stopped by the group
  /// stops all.
  public var cores: Int { max(1, min(mask.count, quota.map { Int($0 + 0.01) } ?? mask.count)) }

  /// The ranks to start: one per core, and no more than there is work for.
  ///
  /// - Parameter most: V, the microbatches of a step; nil where it follows from the ranks.
  /// - Returns: at least 1.
  public func ranks(most: Int?) -> Int { max(1, min(cores, most ?? cores)) }

  /// Threads of each of some ranks that share these cores: as many as leave every thread a core.
  ///
  /// - Parameter ranks: at least 1.
  /// - Returns: at least 1.
  public func threads(ranks: Int) -> Int { max(1, cores / ranks) }

  /// This rank's threads, if the cores that it may use are shared evenly by all ranks that may use them too.
  ///
  /// A rank that is bound to cores of its own has them all.
  /// Collective: every rank of the group calls it.
  ///
  /// - Parameter world: all ranks.
  /// - Returns: at least 1.
  /// - Throws: `MPIError` if MPI refuses, `AgreedFailure` if a rank's record is damaged.
  public static func threadShare(_ world: Communicator) throws -> Int {
    let mine = RankPlacement.ofThisProcess(rank: world.rank, host: world.hostName)
    let all = try world.allGatherBytes(Array(JSONEncoder().encode(mine)))
    return try world.agree {
      let neighbours = try all.map { try JSONDecoder().decode(RankPlacement.self, from: Data($0)) }
        .filter { $0.place == mine.place }
      return threadShare(of: mine, among: neighbours)
    }
  }

  /// A rank's even share of cores and of the control group's limit.
  ///
  /// - Parameters:
  ///   - rank: where it was put.
  ///   - neighbours: all ranks of its machine, itself too.
  /// - Returns: at least 1.
  package static func threadShare(of rank: RankPlacement, among neighbours: [RankPlacement]) -> Int
  {
    let sharers = neighbours.count { $0.mask.intersection(rank.mask).count > 0 }
    let granted = rank.quota.map { Int($0 + 0.01) / neighbours.count } ?? rank.mask.count
    return max(1, min(rank.mask.count / max(sharers, 1), granted))
  }
}

/// What was chosen for all ranks of a job, machine by machine.
public struct PlacementReport: Sendable, Equatable {
  /// One machine's verdict.
  public struct Machine: Sendable, Equatable {
    /// The host names that its ranks see; more than one for containers and virtual nodes.
    public let hosts: [String]
    /// What the machine's ranks were given, and what is wrong with it.
    public let verdict: PlacementVerdict
  }

  /// The machines, by their lowest rank.
  public let machines: [Machine]

  /// Judges the ranks of a job.
  ///
  /// - Parameters:
  ///   - placements: one per rank, at least one.
  ///   - launcher: what started them.
  public init(_ placements: [RankPlacement], launcher: RankLauncher) {
    var order: [String] = []
    var groups: [String: [RankPlacement]] = [:]
    for placement in placements {
      let key = placement.place
      if groups[key] == nil { order.append(key) }
      groups[key, default: []].append(placement)
    }
    machines = order.map { key in
      let group = groups[key] ?? []
      let hosts = group.map(\.host).reduce(into: [String]()) { names, name in
        if !names.contains(name) { names.append(name) }
      }
      return Machine(hosts: hosts, verdict: PlacementVerdict(group, launcher: launcher))
    }
  }

  /// Collects and judges the placement of all ranks.
  ///
  /// Collective: every rank of the group calls it.
  ///
  /// - Parameter world: all ranks.
  /// - Returns: the report on rank 0, nil elsewhere.
  /// - Throws: `MPIError` if MPI refuses, `AgreedFailure` if a rank's record is damaged.
  /// - Cost: one gather of some hundred bytes per rank.
  public static func collect(_ world: Communicator) throws -> PlacementReport? {
    let mine = RankPlacement.ofThisProcess(rank: world.rank, host: world.hostName)
    let bytes = try Array(JSONEncoder().encode(mine))
    let all = try world.gatherBytes(bytes, root: 0)
    return try world.agree {
      try all.map { records in
        let placements = try records.map {
          try JSONDecoder().decode(RankPlacement.self, from: Data($0))
        }
        return PlacementReport(placements, launcher: launcher)
      }
    }
  }

  /// What started this process.
  static var launcher: RankLauncher {
    let environment = ProcessInfo.processInfo.environment
    if !MPIEnvironment.isUnderLauncher { return .none }
    return environment["OMPI_COMM_WORLD_RANK"] == nil ? .srun : .mpirun
  }

  /// One line that says what was chosen, for example
  /// `placement: 2 ranks on 2 cores (mask 0-1, cgroup 2.0 cores), 1 thread each`.
  ///
  /// Machines that are alike are told once; where they differ, the first is told.
  public var line: String {
    guard let first = machines.first else { return "placement: no ranks" }
    let text = Self.text(first.verdict)
    guard machines.count > 1 else { return "placement: \(text)" }
    let alike = machines.filter { Self.text($0.verdict) == Self.text(first.verdict) }.count
    let nodes = HumanUnits.counted(alike, "node")
    let rest = machines.count - alike
    let others = rest == 0 ? "" : "; \(HumanUnits.counted(rest, "node")) otherwise"
    return "placement: \(nodes) of \(text)\(others)"
  }

  private static func text(_ verdict: PlacementVerdict) -> String {
    var facts = [verdict.isBound ? "bound within \(verdict.mask)" : "mask \(verdict.mask)"]
    if let quota = verdict.quota {
      facts.append("cgroup \(HumanUnits.fixed(quota, digits: 1)) cores")
    }
    return HumanUnits.counted(verdict.ranks, "rank") + " on "
      + HumanUnits.counted(verdict.mask.count, "core") + " (\(facts.joined(separator: ", "))), "
      + HumanUnits.counted(verdict.threads, "thread") + " each"
  }

  /// What is wrong, each with its machine where there are several, and what mends it.
  ///
  /// The same finding on several machines is told once.
  public var warnings: [String] {
    var order: [String] = []
    var hosts: [String: [String]] = [:]
    for machine in machines {
      for warning in machine.verdict.warnings {
        let text = warning.description
        if hosts[text] == nil { order.append(text) }
        hosts[text, default: []].append(machine.hosts.joined(separator: "/"))
      }
    }
    return order.map { text in
      guard machines.count > 1, let names = hosts[text] else { return text }
      let more = names.count > 3 ? " and \(names.count - 3) more" : ""
      return names.prefix(3).joined(separator: ", ") + more + ": " + text
    }
  }
}
