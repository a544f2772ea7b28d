import Foundation
import Glibc
import HDF5
import MPI
import Synchronization

/// Has every HDF5 file examined by a child process before this process opens it.
///
/// The library that reads HDF5 is large and written in C, and flaws in what it does with malformed files keep being
/// found. A file that makes use of one makes it in a process that has nothing: no environment, no open files, no right
/// to write, little memory and time. Its death is the verdict.
public struct UntrustedFiles: Sendable {
  /// The subcommand that a child runs.
  public static let command = "check-file"

  /// What tells a file from one that has taken its place.
  private struct Identity: Hashable {
    let device: UInt64
    let node: UInt64
    let bytes: Int
    let changed: Int
    let nanoseconds: Int
  }

  private static let sound = Mutex<Set<Identity>>([])

  /// Guards all openings from now on: a file that no child has found sound is examined first.
  public static func guardAll() {
    HDF5Gate.install { (path) throws(HDF5Error) in try require(path) }
  }

  /// Examines files once on every node, all ranks agreeing on the outcome.
  ///
  /// Collective. Without it every rank would examine each file that it opens.
  ///
  /// - Parameters:
  ///   - paths: the files; equal on all ranks.
  ///   - world: all ranks.
  /// - Throws: `HDF5Error` `.refused` of a file that is not sound, on all ranks.
  public static func examine(_ paths: [String], on world: Communicator) throws {
    let node = try world.splitByNode()
    try world.agree {
      guard node.rank == 0 else { return }
      for path in paths { try require(path) }
    }
    for path in paths {
      if let identity = identity(path) { _ = sound.withLock { $0.insert(identity) } }
    }
  }

  /// Examines a file unless that was done before.
  static func require(_ path: String) throws(HDF5Error) {
    let before = identity(path)
    if let before, sound.withLock({ $0.contains(before) }) { return }
    try judge(path, fileBytes: before?.bytes ?? 0)
    guard let before, before == identity(path) else {
      throw HDF5Error(.refused, at: path, "the file was changed while it was examined")
    }
    _ = sound.withLock { $0.insert(before) }
  }

  private static func judge(_ path: String, fileBytes: Int) throws(HDF5Error) {
    let limits = ProcessLimits(fileBytes: fileBytes)
    let found: (end: ChildProcess.End, words: String)
    do {
      found = try ChildProcess.run(
        "/proc/self/exe", [command, "--", path], environment: environment,
        seconds: limits.patienceSeconds)
    } catch { throw HDF5Error(.ioFailure, at: path, "cannot be examined: \(error)") }
    if let refusal = refusal(of: path, found.end, found.words, limits) { throw refusal }
  }

  /// Why a file is refused after its child has ended so; nil for a sound one.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - end: how the child ended.
  ///   - words: what it said.
  ///   - limits: what it was given.
  /// - Returns: one sentence for people.
  package static func refusal(
    of path: String, _ end: ChildProcess.End, _ words: String, _ limits: ProcessLimits
  ) -> HDF5Error? {
    let death: String
    switch end {
    case .exit(0): return nil
    case .exit(let status) where !words.isEmpty:
      return HDF5Error(
        code(of: status), at: path, "refused by --untrusted: \(words.without(path))")
    case .exit(let status): death = "ended with \(status) and without a word"
    case .signal(SIGXCPU), .signal(SIGKILL):
      death = "used up its \(limits.cpuSeconds) seconds of CPU time, or was killed"
    case .signal(let number):
      death = "was ended by signal \(number) (\(String(cString: strsignal(number))))"
    case .late: death = "was not done within \(limits.patienceSeconds) seconds"
    }
    return HDF5Error(
      .refused, at: path,
      "refused by --untrusted: the process that examined it \(death); do not use this file")
  }

  /// The kind of failure that a child ended with.
  private static func code(of status: Int32) -> HDF5Error.Code {
    switch ExitStatus(rawValue: status) {
    case .newerVersion: .newerVersion
    case .inputOutput: .ioFailure
    default: .refused
    }
  }

  /// What a child must know to find its libraries and to lock a file as this process does; nothing else.
  private static var environment: [String: String] {
    let all = ProcessInfo.processInfo.environment
    var few = ["OPENBLAS_NUM_THREADS": "1"]
    for name in ["LD_LIBRARY_PATH", "HDF5_USE_FILE_LOCKING"] { few[name] = all[name] }
    return few
  }

  private static func identity(_ path: String) -> Identity? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    return Identity(
      device: UInt64(status.st_dev), node: UInt64(status.st_ino), bytes: Int(status.st_size),
      changed: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec)
  }
}

extension String {
  /// The text without the file's name at its beginning.
  fileprivate func without(_ path: String) -> String {
    guard hasPrefix(path) else { return self }
    return String(dropFirst(path.count).drop { $0 == ":" || $0 == " " })
  }
}
