import CLinux
import Glibc
import MPI

/// Ties a process to the one that started it, so that it does not outlive it.
///
/// The kernel kills `mpirun` with its supervisor and a rank with its `mpirun` or `orted`, whatever killed
/// those; nothing that is left over writes into a run folder.
///
/// - C source: `prctl(2)`, `PR_SET_PDEATHSIG`.
public enum Leash {
  /// The name under which the program is started to become a command that is tied to its starter.
  static let name = "aimass-leash"
  /// The status with which a process ends that could not become its command.
  static let cannotStart: Int32 = 127
  private static let launchers: Set<String> = ["mpirun", "mpiexec", "orterun", "orted"]
  /// From this many ranks of a node on, Open MPI may start them from threads of its own.
  private static let threadedRanks = 32

  /// Becomes the command this process was started for; returns at once in any other process.
  ///
  /// Call it first thing in `main`.
  public static func becomeIfAsked() {
    let words = CommandLine.arguments
    guard words.first == name, words.count > 2, let starter = pid_t(words[1]) else { return }
    tie(to: starter)
    let argv = CommandLine.unsafeArgv.advanced(by: 2)
    if let command = argv[0] { execvp(command, argv) }
    _exit(cannotStart)
  }

  /// Ties a rank to the `mpirun` or `orted` that started it; does nothing in any other process.
  ///
  /// The kernel means the *thread* that started the process. A launcher that may have used threads of its
  /// own, which end before it, is not trusted with that.
  public static func tieRank() {
    guard MPIEnvironment.isUnderLauncher else { return }
    let single = getenv("OMPI_MCA_odls_base_num_threads").map { String(cString: $0) } == "0"
    guard single || (MPIEnvironment.launchedRanks?.local ?? threadedRanks) < threadedRanks else {
      return
    }
    let launcher = getppid()
    guard launchers.contains(ProcessStatus.name(of: launcher)) else { return }
    tie(to: launcher)
  }

  private static func tie(to starter: pid_t) {
    _ = CLinux_set_parent_death_signal(SIGKILL)
    // It may have died just before.
    if getppid() != starter { kill(getpid(), SIGKILL) }
  }
}
