import Foundation
import Glibc

/// A started process and what it has said so far.
struct Child {
  private let pid: pid_t
  private var outputEnd: Stream
  private var errorEnd: Stream
  private var waitStatus: Int32?
  private var graceEnds: ContinuousClock.Instant?

  private static let starting = NSLock()

  /// One pipe and the bytes that have come through it.
  private struct Stream {
    var descriptor: Int32
    var bytes: [UInt8] = []

    /// Reads what is there, without waiting; closes at the end.
    mutating func drain() {
      var part = [UInt8](repeating: 0, count: 65_536)
      while descriptor >= 0 {
        let count = read(descriptor, &part, part.count)
        if count > 0 {
          bytes += part[..<count]
        } else if count < 0, errno == EINTR {
          continue
        } else if count < 0, errno == EAGAIN {
          return
        } else {
          shut()
        }
      }
    }

    mutating func shut() {
      if descriptor >= 0 { close(descriptor) }
      descriptor = -1
    }
  }

  /// Starts it in a process group of its own.
  init(
    _ executable: String, _ arguments: [String], environment: [String: String],
    currentDirectory: String?
  ) throws {
    // Between making a pipe and marking it, no other child may start and inherit it.
    Self.starting.lock()
    defer { Self.starting.unlock() }
    let (outputRead, outputWrite) = try Self.pipeEnds()
    let (errorRead, errorWrite) = try Self.pipeEnds()
    defer {
      close(outputWrite)
      close(errorWrite)
    }
    // `env` changes the folder; glibc's own action for that is not visible to Swift.
    let mover = currentDirectory.map { ["env", "-C", $0] } ?? []
    var number: pid_t = 0
    let failure = Self.spawn(
      &number, mover + [executable] + arguments, environment, outputWrite, errorWrite)
    guard failure == 0 else {
      close(outputRead)
      close(errorRead)
      throw ProcessFailure(
        description: "cannot start `\(executable)`: \(String(cString: strerror(failure)))")
    }
    pid = number
    outputEnd = Stream(descriptor: outputRead)
    errorEnd = Stream(descriptor: errorRead)
  }

  /// Starts a command line in a new process group; zero, or what went wrong.
  private static func spawn(
    _ number: inout pid_t, _ line: [String], _ environment: [String: String], _ output: Int32,
    _ errors: Int32
  ) -> Int32 {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, output, 1)
    posix_spawn_file_actions_adddup2(&actions, errors, 2)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // The threads of the test library block signals, and a child would inherit that.
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK))
    let words = line.map { strdup($0) } + [nil]
    let variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for text in words + variables { free(text) } }
    return posix_spawnp(&number, line[0], &actions, &attributes, words, variables)
  }

  /// A pipe that no other child inherits, and whose reading end does not block.
  private static func pipeEnds() throws -> (read: Int32, write: Int32) {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else {
      throw ProcessFailure(description: "cannot make a pipe: \(String(cString: strerror(errno)))")
    }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
    return (ends[0], ends[1])
  }

  /// Whether it has ended and its pipes are empty.
  ///
  /// Where a descendant keeps a pipe open, two seconds after the end are enough.
  var finished: Bool {
    guard waitStatus != nil else { return false }
    if outputEnd.descriptor < 0, errorEnd.descriptor < 0 { return true }
    return graceEnds.map { ContinuousClock.now > $0 } ?? false
  }

  /// Waits a moment for something to happen and takes it in.
  mutating func advance() {
    var ends = [outputEnd.descriptor, errorEnd.descriptor].map {
      pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
    }
    poll(&ends, nfds_t(ends.count), 20)
    outputEnd.drain()
    errorEnd.drain()
    var status: Int32 = 0
    if waitStatus == nil, waitpid(pid, &status, WNOHANG) == pid {
      waitStatus = status
      graceEnds = .now + .seconds(2)
    }
  }

  /// Asks it to end, and makes it end three seconds later.
  mutating func stop() {
    for (signal, seconds) in [(SIGTERM, 3), (SIGKILL, 3)] where !finished {
      // The group may be gone while the pipes are still held: nothing to signal then.
      if waitStatus == nil { kill(-pid, signal) }
      let end = ContinuousClock.now + .seconds(seconds)
      while !finished, ContinuousClock.now < end { advance() }
    }
    outputEnd.shut()
    errorEnd.shut()
  }

  /// The exit code and the signal, as a shell gives them.
  var verdict: (status: Int32, signal: Int32?) {
    let status = waitStatus ?? 0
    let signal = status & 0x7f
    return signal == 0 ? ((status >> 8) & 0xff, nil) : (128 + signal, signal)
  }

  var output: String { String(decoding: outputEnd.bytes, as: UTF8.self) }
  var errors: String { String(decoding: errorEnd.bytes, as: UTF8.self) }
}
