import Glibc

/// A process that does one thing, says one thing, and may die of it.
///
/// Started by `posix_spawn`, which copies no memory, so it is safe after MPI has started.
package struct ChildProcess {
  /// How it ended.
  package enum End: Sendable, Equatable {
    /// By itself, with this status.
    case exit(Int32)
    /// By a signal.
    case signal(Int32)
    /// Not in time: it was killed.
    case late
  }

  /// The most bytes of its words that are kept.
  package static let mostBytes = 4096

  /// Starts a program with an empty input and no error output, and waits for it.
  ///
  /// - Parameters:
  ///   - program: its path.
  ///   - arguments: what follows its name.
  ///   - environment: all of its variables.
  ///   - seconds: how long it may take, by the clock.
  /// - Returns: how it ended, and the beginning of what it wrote to its output.
  /// - Throws: ``TrainingError`` with `failure` if it cannot be started.
  package static func run(
    _ program: String, _ arguments: [String], environment: [String: String], seconds: Int
  ) throws -> (end: End, words: String) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw failure(program, errno) }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    defer { close(ends[0]) }
    var number: pid_t = 0
    let status = spawn(&number, [program] + arguments, environment, output: ends[1])
    close(ends[1])
    guard status == 0 else { throw failure(program, status) }
    let deadline = ContinuousClock.now + .seconds(seconds)
    let (bytes, isLate) = drain(ends[0], until: deadline)
    if isLate { kill(number, SIGKILL) }
    let end = wait(for: number, until: deadline)
    return (isLate ? .late : end, printable(bytes))
  }

  private static func failure(_ program: String, _ number: Int32) -> TrainingError {
    TrainingError(
      .failure, "\(program) cannot be started (\(String(cString: strerror(number))))")
  }

  private static func spawn(
    _ number: inout pid_t, _ line: [String], _ environment: [String: String], output: Int32
  ) -> Int32 {
    var files = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&files)
    defer { posix_spawn_file_actions_destroy(&files) }
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&files, output, 1)
    posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // A limit that is passed sends a signal, which must end it whatever this process does with such signals.
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    let words = line.map { strdup($0) } + [nil]
    let variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for text in words + variables { free(text) } }
    return posix_spawn(&number, line[0], &files, &attributes, words, variables)
  }

  /// Reads to the end of the pipe, keeping the beginning; whether the time was over before.
  private static func drain(
    _ descriptor: Int32, until deadline: ContinuousClock.Instant
  ) -> (bytes: [UInt8], isLate: Bool) {
    var kept: [UInt8] = []
    var part = [UInt8](repeating: 0, count: mostBytes)
    while true {
      guard ContinuousClock.now < deadline else { return (kept, true) }
      var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      guard poll(&ready, 1, 200) > 0 else { continue }
      let count = read(descriptor, &part, part.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return (kept, false) }
      kept += part.prefix(min(count, mostBytes - kept.count))
    }
  }

  /// The end of a process whose output is closed; one that goes on all the same is killed.
  private static func wait(for number: pid_t, until deadline: ContinuousClock.Instant) -> End {
    var status: Int32 = 0
    var found = waitpid(number, &status, WNOHANG)
    while found != number {
      if found < 0, errno != EINTR { return .signal(SIGKILL) }
      if ContinuousClock.now >= deadline { kill(number, SIGKILL) }
      usleep(1000)
      found = waitpid(number, &status, WNOHANG)
    }
    return status & 0x7f == 0 ? .exit((status >> 8) & 0xff) : .signal(status & 0x7f)
  }

  /// One line without what a terminal would obey: a process that fell to a file may say anything.
  private static func printable(_ bytes: [UInt8]) -> String {
    String(decoding: bytes, as: UTF8.self).unicodeScalars.map { scalar in
      scalar.properties.generalCategory == .control ? " " : String(scalar)
    }.joined().split(separator: " ").joined(separator: " ")
  }
}
