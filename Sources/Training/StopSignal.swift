import Glibc
import Synchronization

/// The wish to stop, as the operating system sent it.
///
/// `SIGUSR1`, `SIGTERM` and `SIGINT` mean: finish the step, save, end with status 75. `SIGUSR2`
/// means: save and go on. The handler only stores a number; every step's exchange carries it, so
/// all ranks act at the same step. A second `SIGTERM` or `SIGINT` ends the process at once, if it comes
/// some seconds after the first: schedulers send one to the job and one to each task in the same second.
public enum StopSignal {
  /// What was asked for.
  public enum Request: Int, Sendable {
    /// Nothing.
    case none = 0
    /// Save and go on.
    case save = 1
    /// Save and end.
    case stop = 2
  }

  private static let pending = Atomic<Int>(0)
  /// When the wish to stop came, in seconds of the monotonic clock.
  private static let since = Atomic<Int>(0)
  private static let echoSeconds = 5

  /// What has been asked for and not yet honoured.
  public static var request: Request {
    Request(rawValue: pending.load(ordering: .relaxed)) ?? .none
  }

  /// Forgets a request to save, once it has been honoured.
  public static func clearSave() {
    _ = pending.compareExchange(expected: 1, desired: 0, ordering: .relaxed)
  }

  /// Catches the signals from now on.
  public static func install() {
    for number in [SIGUSR1, SIGTERM, SIGINT, SIGUSR2] {
      var action = sigaction()
      action.__sigaction_handler.sa_handler = { number in
        if number == SIGUSR2 {
          _ = StopSignal.pending.compareExchange(expected: 0, desired: 1, ordering: .relaxed)
          return
        }
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        let before = StopSignal.pending.exchange(2, ordering: .relaxed)
        if before != 2 { StopSignal.since.store(time.tv_sec, ordering: .relaxed) }
        let waited = time.tv_sec - StopSignal.since.load(ordering: .relaxed)
        if before == 2, number != SIGUSR1, waited >= StopSignal.echoSeconds {
          _exit(ExitStatus.runAgain.rawValue)
        }
      }
      action.sa_flags = SA_RESTART
      sigaction(number, &action, nil)
    }
  }
}
