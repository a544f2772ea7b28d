import Foundation
import Glibc

/// Starts ranks of this program on this machine by `mpirun` and waits for them.
///
/// Used by `train` and `evaluate` outside MPI. Contains no MPI itself, so a fault of the library
/// cannot take the supervisor with it.
public struct LocalLauncher {
  /// R.
  public let ranks: Int
  /// The program's arguments, without its name.
  public let arguments: [String]

  /// The run folder, whose heartbeats tell which rank ended a job; nil for a command without one.
  public let runFolder: RunFolder?

  /// Set for ranks whose launcher tells why a watchdog ended them, so that they need not.
  static let supervisedVariable = "AIMASS_SUPERVISED"

  /// A launch of `ranks` ranks with these arguments.
  public init(ranks: Int, arguments: [String], runFolder: RunFolder? = nil) {
    self.ranks = ranks
    self.runFolder = runFolder
    self.arguments = arguments
  }

  /// Cores that ranks may keep busy: the affinity mask and the control group decide, not the machine.
  public static var cores: Int { Placement.ofThisProcess.cores }

  /// Runs the ranks to their end, passing on the signals that ask a run to save or stop.
  ///
  /// - Returns: the status of the job: that of the first rank that failed.
  /// - Throws: ``TrainingError`` with status `failure` if `mpirun` cannot be started, or if it or a
  ///   rank was ended by a signal.
  public func run() throws -> Int32 {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // A group of its own: Ctrl-C at a terminal would otherwise reach mpirun, which kills its ranks.
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
    posix_spawnattr_setpgroup(&attributes, 0)
    var files = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&files)
    defer { posix_spawn_file_actions_destroy(&files) }
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0)
    var child: pid_t = 0
    let status = Self.withCStrings(mpirunArguments) { argv in
      Self.withCStrings(environment) { envp in
        posix_spawnp(&child, "mpirun", &files, &attributes, argv, envp)
      }
    }
    guard status == 0 else {
      throw TrainingError(
        .failure,
        "mpirun cannot be started (\(String(cString: strerror(status)))); run launch/setup")
    }
    SignalForwarding.begin(to: child)
    defer { SignalForwarding.end() }
    return try wait(for: child)
  }

  /// The command line of `mpirun`, its name first.
  var mpirunArguments: [String] {
    var line = ["mpirun", "-q", "-n", "\(ranks)", "--bind-to", "none"]
    if ranks > Self.cores { line += ["--oversubscribe", "--mca", "mpi_yield_when_idle", "1"] }
    let program = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
    return line + [program ?? CommandLine.arguments[0]] + arguments
  }

  private var environment: [String] {
    var values = ProcessInfo.processInfo.environment
    values["OPENBLAS_NUM_THREADS"] = "1"
    if runFolder != nil { values[Self.supervisedVariable] = "1" }
    if geteuid() == 0 {
      values["OMPI_ALLOW_RUN_AS_ROOT"] = "1"
      values["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1"
    }
    return values.map { "\($0.key)=\($0.value)" }
  }

  private func wait(for child: pid_t) throws -> Int32 {
    var status: Int32 = 0
    var looks = 0
    var patience = 15
    var found = waitpid(child, &status, WNOHANG)
    while found != child {
      if found < 0, errno != EINTR { return ExitStatus.failure.rawValue }
      usleep(20_000)
      looks += 1
      if looks % 50 == 0, verdict != nil { patience -= 1 }
      // mpirun can hang over a rank that does not die, or over a network that is gone.
      if patience == 0 {
        killJob(child)
        patience = -1
      }
      found = waitpid(child, &status, WNOHANG)
    }
    if patience <= 0, let verdict { throw TrainingError(.watchdog, verdict) }
    // 128 and more: mpirun tells of a signal, its own or a rank's.
    let code = (status >> 8) & 0xff
    let signal = status & 0x7f != 0 ? status & 0x7f : code - 128
    if signal > 0 {
      throw TrainingError(
        .failure,
        "\(victim) ended by signal \(signal) (\(String(cString: strsignal(signal)))), "
          + "perhaps for want of memory; the same command goes on from the last checkpoint")
    }
    if code == ExitStatus.watchdog.rawValue, let verdict {
      throw TrainingError(
        .watchdog, "\(verdict); the same command goes on from the last checkpoint")
    }
    // mpirun ends with 1 for faults of its own, for example when it finds no slots.
    return code == 1 ? ExitStatus.failure.rawValue : code
  }

  /// Ends `mpirun` and the ranks of this machine that it should have ended.
  private func killJob(_ child: pid_t) {
    kill(child, SIGKILL)
    guard let runFolder else { return }
    for state in Heartbeats(of: runFolder).read().values.flatMap(\.ranks)
    where state.condition != .ended {
      // The number may be another's by now.
      let link = try? FileManager.default.destinationOfSymbolicLink(
        atPath: "/proc/\(state.process)/exe")
      let own = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
      if let link, link == own { kill(state.process, SIGKILL) }
    }
  }

  /// Why a watchdog ended the job, or which rank one saw die.
  private var verdict: String? { runFolder.flatMap { Heartbeats(of: $0).verdict } }

  /// Who was ended by a signal, with the step and what it was doing, as far as heartbeats tell.
  private var victim: String {
    if let verdict { return "\(verdict); the job was" }
    let states = runFolder.map { Heartbeats(of: $0).read().values.flatMap(\.ranks) } ?? []
    if ranks == 1, let only = states.first {
      return "in \(only.place): rank 0 on node \(only.node) was"
    }
    let step = states.map(\.step).max().map { "in step \($0): " } ?? ""
    return "\(step)a rank or mpirun was"
  }

  private static func withCStrings<Result>(
    _ texts: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
  ) -> Result {
    let pointers = texts.map { strdup($0) }
    defer { pointers.forEach { free($0) } }
    return body(pointers + [nil])
  }
}
