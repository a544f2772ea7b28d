import Foundation
import Glibc

/// Starts a program, waits for it under a watchdog and tells how it ended.
///
/// The program runs in a process group of its own, with an empty standard input. When its time is up,
/// it and all its descendants are ended, in whatever group or session they are.
///
/// - Parameters:
///   - executable: a path, or a name that `PATH` knows.
///   - arguments: what follows the name.
///   - environment: variables to set on top of this process's own.
///   - timeout: seconds it may take.
///   - currentDirectory: where it runs; by default here.
/// - Returns: how it ended, and what it left behind; any exit code is a result, not an error.
/// - Throws: ``ProcessFailure`` if it cannot start, or is not done in time.
public func runProcess(
  _ executable: String, _ arguments: [String] = [], environment: [String: String] = [:],
  timeout: Double = 60, currentDirectory: String? = nil
) throws -> ProcessResult {
  let command = ([executable] + arguments).joined(separator: " ")
  let mark = ProcessMark()
  var variables = ProcessInfo.processInfo.environment
  variables.merge(environment) { $1 }
  variables[ProcessMark.variable] = mark.value
  let start = ContinuousClock.now
  var child = try Child(
    executable, arguments, environment: variables, currentDirectory: currentDirectory)
  let deadline = start + .seconds(timeout)
  while !child.finished, ContinuousClock.now < deadline { child.advance() }
  let inTime = child.finished
  if !inTime { child.stop() }
  let left = mark.end(patience: inTime ? 4 : 0)
  guard inTime else {
    throw ProcessFailure(
      description: "`\(command)` was not done after \(timeout) s and was ended, with "
        + "\(left.count) processes of its own (\(left.joined(separator: "; ")))\n"
        + "--- output\n\(child.output.suffix(3000))\n--- errors\n\(child.errors.suffix(3000))")
  }
  let seconds = start.duration(to: .now) / .seconds(1)
  let (status, signal) = child.verdict
  return ProcessResult(
    command: command, status: status, signal: signal, output: child.output, errors: child.errors,
    seconds: seconds, leftovers: left)
}

/// A variable by which all descendants of one start are found, also those that left its group.
///
/// `mpirun` gives each rank a process group of its own, so ending the group would spare the ranks.
struct ProcessMark {
  static let variable = "AIMASS_TEST_PROCESS"
  let value = UUID().uuidString

  /// The processes that still carry the mark, by number and name.
  var living: [(pid: pid_t, name: String)] {
    let needle = Data("\(Self.variable)=\(value)".utf8)
    let numbers = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return numbers.compactMap(pid_t.init).compactMap { pid in
      guard let environment = FileManager.default.contents(atPath: "/proc/\(pid)/environ"),
        environment.range(of: needle) != nil,
        let line = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline")
      else { return nil }
      let words = line.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
      return (pid, words.joined(separator: " "))
    }
  }

  /// Ends all that still carry the mark after a while.
  ///
  /// - Parameter patience: seconds to wait for them to go; ranks of an aborted job need a moment.
  /// - Returns: what was found and ended; empty after an orderly end.
  func end(patience: Double) -> [String] {
    let deadline = ContinuousClock.now + .seconds(patience)
    var found = living
    if found.isEmpty {
      usleep(10_000)  // a process in the middle of `execve` shows no environment: look twice
      found = living
    }
    while !found.isEmpty, ContinuousClock.now < deadline {
      usleep(20_000)
      found = living
    }
    for (pid, _) in found { kill(pid, SIGKILL) }
    return found.map { "\($0.pid) \($0.name)" }
  }
}
