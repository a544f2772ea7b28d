import Foundation
import Glibc

/// Where the ranks of a job run, and how they are started there.
public struct JobPlace: Sendable {
  /// The hosts; nil for this machine.
  public var hosts: HostList?
  /// Networks to use between hosts, by name or address.
  public var interfaces: String?
  /// Networks not to use, on top of those that never lead to another host.
  public var exclude: String?
  /// What a rank is bound to, in `mpirun`'s words.
  public var bind: String
  /// The threads of a rank, as far as they are known here: the cores that it is bound to, where it is bound to cores.
  public var threads: Int
  /// The program that starts a command on a host, instead of `ssh`.
  public var agent: String?
  /// More settings of `mpirun`, `NAME=VALUE`.
  public var settings: [String]
  /// A command that starts the ranks instead of `mpirun`, such as `srun`; empty for `mpirun`.
  public var starter: [String]

  /// Networks that lead nowhere but into containers and virtual machines; those of `launch/common.sh`.
  static let never = "lo,docker0,virbr0,podman0,lxcbr0,cni0"

  /// A place from its parts; by default this machine.
  public init(
    hosts: HostList? = nil, interfaces: String? = nil, exclude: String? = nil,
    bind: String = "core", threads: Int = 1, agent: String? = nil, settings: [String] = [],
    starter: [String] = []
  ) {
    self.hosts = hosts
    self.interfaces = interfaces
    self.exclude = exclude
    self.bind = bind
    self.threads = threads
    self.agent = agent
    self.settings = settings
    self.starter = starter
  }

  /// The command that runs a program on `ranks` ranks, up to the program's own words.
  ///
  /// - Parameters:
  ///   - ranks: how many.
  ///   - contact: a file into which `mpirun` writes the number of the job, or nil.
  /// - Returns: the words, of which the program's path is to be the next.
  func command(ranks: Int, contact: String? = nil) -> [String] {
    guard starter.isEmpty else { return starter }
    var line = ["mpirun", "-q"]
    // So that a job can be suspended and go on.
    line += ["--mca", "orte_forward_job_control", "1"]
    if let contact { line += ["--report-uri", contact] }
    for setting in settings {
      let parts = setting.split(separator: "=", maxSplits: 1).map(String.init)
      line += ["--mca", parts[0], parts.count > 1 ? parts[1] : "1"]
    }
    guard let hosts else {
      line += ["-n", "\(ranks)", "--bind-to", "none"]
      if ranks > Placement.ofThisProcess.cores {
        line += ["--oversubscribe", "--mca", "mpi_yield_when_idle", "1"]
      }
      return line
    }
    line += ["--host", hosts.placing(ranks).text, "-np", "\(ranks)", "--map-by"]
    let isBoundToCores = threads > 1 && ["core", "hwthread"].contains(bind)
    line += [isBoundToCores ? "slot:PE=\(threads)" : "slot"]
    line += ["--bind-to", bind == "none" ? bind : "\(bind):if-supported,overload-allowed"]
    if let agent { line += ["--mca", "plm_rsh_agent", agent] }
    for layer in ["btl_tcp", "oob_tcp"] {
      let names = [Self.never, exclude].compactMap { $0 }.joined(separator: ",")
      line +=
        interfaces.map { ["--mca", "\(layer)_if_include", $0] }
        ?? ["--mca", "\(layer)_if_exclude", names]
    }
    return line + passed
  }

  /// By which every rank gets the variables that matter to the program and are set here.
  private var passed: [String] {
    let prefixes = ["AIMASS_", "OPENBLAS_", "OMP_", "HDF5_", "SWIFT_"]
    let names = ProcessInfo.processInfo.environment.keys.filter { name in
      prefixes.contains { name.hasPrefix($0) } || name == "PATH" || name == "LD_LIBRARY_PATH"
    }
    let own = [JobMark.variable, "OPENBLAS_NUM_THREADS", "SWIFT_BACKTRACE"]
    return Set(names).union(own).sorted().flatMap { ["-x", $0] }
  }

  /// The variables of the command, `NAME=VALUE`; what is set already stays.
  func environment(_ mark: JobMark) -> [String] {
    var values = ProcessInfo.processInfo.environment
    var defaults = [
      "OPENBLAS_NUM_THREADS": "1",
      // Where a rank traps, for people: the calls, without registers and libraries, so that the report holds them.
      "SWIFT_BACKTRACE": "color=no,registers=none,images=none",
      // Ranks of one thread's making live as long as their launcher (``Leash``).
      "OMPI_MCA_odls_base_num_threads": "0",
    ]
    if hosts != nil {
      defaults["OMPI_MCA_mpi_yield_when_idle"] = "1"
      // A host that falls off the network is noticed after 90 seconds.
      defaults["OMPI_MCA_oob_tcp_keepalive_time"] = "30"
      defaults["OMPI_MCA_oob_tcp_keepalive_intvl"] = "10"
      defaults["OMPI_MCA_oob_tcp_keepalive_probes"] = "6"
    }
    if geteuid() == 0 {
      defaults["OMPI_ALLOW_RUN_AS_ROOT"] = "1"
      defaults["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1"
    }
    values.merge(defaults) { old, _ in old }
    values[JobMark.variable] = mark.value
    return values.map { "\($0.key)=\($0.value)" }
  }
}
