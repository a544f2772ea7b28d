import CLinux
import Foundation
import Glibc

/// A command that runs in a session of its own, tied to this process, with its output in pipes.
///
/// In a session of its own no terminal and no shell reaches it but through the supervisor: Ctrl-C would make
/// `mpirun` kill its ranks.
final class JobProcess {
  /// The process: the command itself, which leads its session.
  let pid: pid_t
  /// The last lines of its output.
  let last = LastLines()
  private var relays: [OutputRelay] = []
  private var status: Int32?

  /// Starts a command.
  ///
  /// - Parameters:
  ///   - words: the command, which `PATH` knows, and its arguments.
  ///   - environment: its variables, `NAME=VALUE`.
  ///   - isSilent: whether its output is kept only.
  /// - Throws: ``TrainingError`` with `failure` if there is no such command or no process.
  init(_ words: [String], environment: [String], isSilent: Bool = false) throws {
    guard Self.isOnPath(words[0]) else {
      throw TrainingError(
        .failure, "\(words[0]) cannot be started (it is not on PATH); run launch/setup")
    }
    var attributes = Self.attributes()
    defer { posix_spawnattr_destroy(&attributes) }
    var files = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&files)
    defer { posix_spawn_file_actions_destroy(&files) }
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0)
    var ends: [Int32] = []
    for stream: Int32 in [1, 2] {
      guard let (source, sink) = Self.pipe() else {
        posix_spawn_file_actions_addopen(&files, stream, "/dev/null", O_WRONLY, 0)
        continue
      }
      posix_spawn_file_actions_adddup2(&files, sink, stream)
      ends.append(sink)
      relays.append(OutputRelay(from: source, to: stream, keeping: last, isSilent: isSilent))
    }
    defer { ends.forEach { close($0) } }
    var child: pid_t = 0
    let failure = Self.withCStrings([Leash.name, "\(getpid())"] + words) { argv in
      Self.withCStrings(environment) { envp in
        posix_spawn(&child, "/proc/self/exe", &files, &attributes, argv, envp)
      }
    }
    pid = child
    guard failure == 0 else {
      throw TrainingError(
        .failure, "\(words[0]) cannot be started (\(String(cString: strerror(failure))))")
    }
  }

  /// Waits a while for output, a signal or the end, and passes output on.
  ///
  /// - Parameters:
  ///   - seconds: the longest time to wait.
  ///   - wake: a descriptor that becomes readable with a signal to this process, or -1.
  /// - Returns: the status of `waitpid(2)` once the process has ended, else nil.
  func advance(_ seconds: Double, wake: Int32) -> Int32? {
    var waits = relays.flatMap(\.waits)
    if wake >= 0 { waits.append(pollfd(fd: wake, events: Int16(POLLIN), revents: 0)) }
    poll(&waits, nfds_t(waits.count), Int32(seconds * 1000))
    for relay in relays {
      relay.read()
      relay.write()
    }
    return reap()
  }

  /// The status of `waitpid(2)` if the process has ended, else nil.
  func reap() -> Int32? {
    if let status { return status }
    var found: Int32 = 0
    switch waitpid(pid, &found, WNOHANG) {
    case pid: status = found
    case -1 where errno == ECHILD: status = Int32(ExitStatus.failure.rawValue) << 8
    default: break
    }
    return status
  }

  /// Sends a signal, unless the process has ended.
  func send(_ signal: Int32) {
    if status == nil { kill(pid, signal) }
  }

  /// The living processes of its session, itself included: those of a launch agent lose their environment, but
  /// not this.
  ///
  /// - Cost: reads one file of every process.
  var members: [pid_t] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.compactMap(pid_t.init).filter { process in
      guard let status = ProcessStatus(of: process) else { return false }
      return status.session == pid && status.letter != UInt8(ascii: "Z")
    }
  }

  /// Passes on what is left of the output.
  func finish() {
    relays.forEach { $0.finish() }
    last.finish()
  }

  /// A session of its own, no signal blocked, and the usual meaning of `SIGPIPE`, which is ignored here.
  private static func attributes() -> posix_spawnattr_t {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    posix_spawnattr_setflags(
      &attributes,
      CLinux_spawn_setsid | Int16(POSIX_SPAWN_SETSIGDEF) | Int16(POSIX_SPAWN_SETSIGMASK))
    var broken = sigset_t()
    var none = sigset_t()
    sigemptyset(&none)
    sigemptyset(&broken)
    sigaddset(&broken, SIGPIPE)
    posix_spawnattr_setsigdefault(&attributes, &broken)
    posix_spawnattr_setsigmask(&attributes, &none)
    return attributes
  }

  private static func pipe() -> (source: Int32, sink: Int32)? {
    var ends: [Int32] = [-1, -1]
    guard Glibc.pipe(&ends) == 0 else { return nil }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
  }

  private static func isOnPath(_ name: String) -> Bool {
    if name.contains("/") { return access(name, X_OK) == 0 }
    let path = getenv("PATH").map { String(cString: $0) } ?? "/bin:/usr/bin"
    return path.split(separator: ":").contains { access("\($0)/\(name)", X_OK) == 0 }
  }

  private static func withCStrings<Result>(
    _ texts: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
  ) -> Result {
    let pointers = texts.map { strdup($0) }
    defer { pointers.forEach { free($0) } }
    return body(pointers + [nil])
  }
}
