import Glibc
import Synchronization

/// The signals a supervisor has been sent.
///
/// A handler only counts, and writes to a pipe that wakes the supervisor. `SIGHUP` and `SIGINT` stay ignored
/// where they were, as under `nohup`; `SIGPIPE` is ignored, since a job is worth more than the one who reads
/// its output.
enum SupervisorSignals {
  private static let asks = Atomic<Int>(0)
  private static let insistences = Atomic<Int>(0)
  private static let saves = Atomic<Int>(0)
  private static let suspensions = Atomic<Int>(0)
  private static let writeEnd = Atomic<Int32>(-1)
  private static let numbers = [SIGUSR1, SIGUSR2, SIGTERM, SIGINT, SIGHUP, SIGTSTP, SIGCHLD]

  /// What came since the last look.
  struct Received {
    /// Whether one asked to save and stop.
    var stop = false
    /// Whether that was `SIGTERM` or `SIGINT`, of which a second one means at once.
    var insists = false
    /// Whether one asked to save and go on.
    var save = false
    /// Whether one asked to stand still (`SIGTSTP`).
    var suspend = false
  }

  /// Catches the signals from now on.
  ///
  /// - Returns: the end of a pipe that becomes readable with every signal; -1 where there is none.
  static func begin() -> Int32 {
    var ends: [Int32] = [-1, -1]
    if pipe(&ends) == 0 {
      for end in ends {
        _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        _ = fcntl(end, F_SETFL, O_NONBLOCK)
      }
    }
    writeEnd.store(ends[1], ordering: .releasing)
    for number in numbers where !isIgnored(number) {
      var action = sigaction()
      action.__sigaction_handler.sa_handler = { SupervisorSignals.count($0) }
      action.sa_flags = SA_RESTART
      sigaction(number, &action, nil)
    }
    signal(SIGPIPE, SIG_IGN)
    return ends[0]
  }

  /// Gives the signals their usual meaning again.
  static func end(_ readEnd: Int32) {
    for number in numbers where !isIgnored(number) { signal(number, SIG_DFL) }
    let other = writeEnd.exchange(-1, ordering: .acquiringAndReleasing)
    for end in [readEnd, other] where end >= 0 { close(end) }
  }

  /// Takes what came.
  static func take(_ readEnd: Int32) -> Received {
    var bytes = [UInt8](repeating: 0, count: 64)
    while readEnd >= 0, read(readEnd, &bytes, bytes.count) > 0 {}
    return Received(
      stop: asks.exchange(0, ordering: .relaxed) > 0,
      insists: insistences.exchange(0, ordering: .relaxed) > 0,
      save: saves.exchange(0, ordering: .relaxed) > 0,
      suspend: suspensions.exchange(0, ordering: .relaxed) > 0)
  }

  private static func isIgnored(_ number: Int32) -> Bool {
    guard [SIGHUP, SIGINT, SIGTSTP].contains(number) else { return false }
    var action = sigaction()
    sigaction(number, nil, &action)
    return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
      == unsafeBitCast(SIG_IGN, to: Int.self)
  }

  private static func count(_ number: Int32) {
    let before = errno
    switch number {
    case SIGUSR2: saves.add(1, ordering: .relaxed)
    case SIGTSTP: suspensions.add(1, ordering: .relaxed)
    case SIGCHLD: break
    default:
      asks.add(1, ordering: .relaxed)
      if number == SIGTERM || number == SIGINT { insistences.add(1, ordering: .relaxed) }
    }
    var byte: UInt8 = 0
    _ = write(writeEnd.load(ordering: .acquiring), &byte, 1)
    errno = before
  }
}
