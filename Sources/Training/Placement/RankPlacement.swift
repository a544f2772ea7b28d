import Foundation
import Glibc
import Tensors

/// Where one rank was put, and what it was told about sharing its cores.
public struct RankPlacement: Sendable, Equatable {
  /// The rank.
  public var rank: Int
  /// The host name of its machine.
  public var host: String
  /// Equal exactly for ranks of one machine, whatever it calls itself: the kernel's boot id.
  public var machine: String
  /// The processors that the rank may run on: its affinity mask.
  public var mask: CPUSet
  /// The processors that the job may use there, bound or not.
  public var allowed: CPUSet
  /// The control group's limit in cores; nil without one.
  public var quota: Double?
  /// The threads that the rank computes on.
  public var computing: Int
  /// The value of `OPENBLAS_NUM_THREADS`; nil where it is unset or no number.
  public var threads: Int?
  /// Whether a rank that waits for a message gives its core away.
  public var yields: Bool

  /// A placement from its parts.
  public init(
    rank: Int, host: String = "node1", machine: String = "", mask: CPUSet, allowed: CPUSet,
    quota: Double? = nil, computing: Int = 1, threads: Int? = 1, yields: Bool = false
  ) {
    self.rank = rank
    self.host = host
    self.machine = machine
    self.mask = mask
    self.allowed = allowed
    self.quota = quota
    self.computing = computing
    self.threads = threads
    self.yields = yields
  }

  /// Equal exactly for ranks of one machine; a kernel that tells no boot id leaves the host name.
  var place: String { machine.isEmpty ? host : machine }

  /// Looks at this process.
  ///
  /// - Parameters:
  ///   - rank: its rank.
  ///   - host: its host name.
  /// - Returns: its mask, limits and settings.
  public static func ofThisProcess(rank: Int, host: String) -> RankPlacement {
    let group = ControlGroup.ofThisProcess()
    let mask = CPUSet.affinity() ?? CPUSet(0..<ProcessInfo.processInfo.activeProcessorCount)
    let environment = ProcessInfo.processInfo.environment
    return RankPlacement(
      rank: rank, host: host, machine: bootID, mask: mask,
      allowed: allowed(mask: mask, group: group), quota: group.cores, computing: Kernels.threads,
      threads: environment["OPENBLAS_NUM_THREADS"].flatMap { Int($0) },
      yields: yields(environment))
  }

  /// The processors that the job may use: those of the control group, as far as the process that
  /// started this one (`mpirun`, its daemon, a shell) may use them too.
  private static func allowed(mask: CPUSet, group: ControlGroup) -> CPUSet {
    var all = CPUSet.online(root: "") ?? mask
    if let cpus = group.cpus { all = all.intersection(cpus) }
    if let parent = CPUSet.affinity(ofProcess: "\(getppid())") {
      all = all.intersection(parent)
    }
    return all.union(mask)
  }

  /// Whether Open MPI was told to give cores away, by a parameter or since it knows that there are
  /// more ranks than slots.
  static func yields(_ environment: [String: String]) -> Bool {
    let words = ["1", "true", "t", "yes", "y", "enabled"]
    let value =
      environment["OMPI_MCA_mpi_yield_when_idle"] ?? environment["OMPI_MCA_mpi_oversubscribe"]
    return value.map { words.contains($0.lowercased()) } ?? false
  }

  /// The kernel's name for this start of this machine; containers of one machine share it.
  public static var bootID: String {
    let text = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
    return (text ?? "").trimmingCharacters(in: .whitespacesAndNewlines)
  }
}

extension RankPlacement: Codable {
  private enum Key: String, CodingKey {
    case rank, host, machine, mask, allowed, quota, computing, threads, yields
  }

  /// Reads what ``encode(to:)`` wrote.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: Key.self)
    rank = try values.decode(Int.self, forKey: .rank)
    host = try values.decode(String.self, forKey: .host)
    machine = try values.decode(String.self, forKey: .machine)
    mask = CPUSet(try values.decode([Int].self, forKey: .mask))
    allowed = CPUSet(try values.decode([Int].self, forKey: .allowed))
    quota = try values.decodeIfPresent(Double.self, forKey: .quota)
    computing = try values.decode(Int.self, forKey: .computing)
    threads = try values.decodeIfPresent(Int.self, forKey: .threads)
    yields = try values.decode(Bool.self, forKey: .yields)
  }

  /// Writes the placement, for its way to the rank that judges.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: Key.self)
    try values.encode(rank, forKey: .rank)
    try values.encode(host, forKey: .host)
    try values.encode(machine, forKey: .machine)
    try values.encode(mask.numbers, forKey: .mask)
    try values.encode(allowed.numbers, forKey: .allowed)
    try values.encodeIfPresent(quota, forKey: .quota)
    try values.encode(computing, forKey: .computing)
    try values.encodeIfPresent(threads, forKey: .threads)
    try values.encode(yields, forKey: .yields)
  }
}
