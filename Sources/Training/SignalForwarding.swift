import Glibc
import Synchronization

/// Passes signals of the supervisor on to the job it started.
///
/// `mpirun` hands `SIGUSR1` and `SIGUSR2` to its ranks untouched, while a `SIGTERM` makes it kill them
/// within two seconds. So a wish to stop reaches the ranks as `SIGUSR1`, and the second one as
/// `SIGTERM`.
enum SignalForwarding {
  private static let child = Atomic<Int32>(0)
  private static let stops = Atomic<Int>(0)

  /// Catches signals from now on and passes them to process `pid`.
  static func begin(to pid: pid_t) {
    child.store(pid, ordering: .releasing)
    stops.store(0, ordering: .relaxed)
    for number in [SIGUSR1, SIGUSR2, SIGTERM, SIGINT, SIGHUP] {
      var action = sigaction()
      action.__sigaction_handler.sa_handler = { SignalForwarding.forward($0) }
      action.sa_flags = SA_RESTART
      sigaction(number, &action, nil)
    }
  }

  /// Gives the signals their usual meaning again.
  static func end() {
    child.store(0, ordering: .releasing)
    for number in [SIGUSR1, SIGUSR2, SIGTERM, SIGINT, SIGHUP] { signal(number, SIG_DFL) }
  }

  private static func forward(_ number: Int32) {
    let pid = child.load(ordering: .acquiring)
    guard pid > 0 else { return }
    if number == SIGUSR2 {
      kill(pid, SIGUSR2)
      return
    }
    let earlier = stops.add(1, ordering: .relaxed).oldValue
    kill(pid, earlier == 0 ? SIGUSR1 : SIGTERM)
  }
}
