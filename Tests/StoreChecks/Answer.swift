import Buffers
import Checkpoints
import Foundation

/// What the commands do, and how their outcome is told.
struct Answers {
  /// A lock that is held until the end.
  private var lock: RunLock?

  /// Carries out one command.
  ///
  /// - Returns: its answer; `ok` false and code and message for an error that the store throws.
  mutating func answer(_ command: Command) throws -> [String: Any] {
    var save: Save?
    do {
      var answer = try outcome(of: command, &save)
      answer["ok"] = true
      return answer
    } catch let error as CheckpointError {
      return [
        "ok": false, "code": error.code.rawValue, "message": error.message,
        "stage": save?.stage ?? command.name,
      ]
    }
  }

  private mutating func outcome(
    of command: Command, _ save: inout Save?
  ) throws -> [String: Any] {
    switch command.name {
    case "save":
      var running = try Save(command)
      save = running
      defer { save = running }
      return ["deleted": try running.run()]
    case "prepare": try command.folder.prepare()
    case "load": return try load(command)
    case "open":
      return try told(command.folder.open(step: command.number("step")))
    case "examine": return ["steps": try examined(command.folder)]
    case "lock":
      lock = try RunLock(folder: command.text("root"))
      return ["token": lock?.token ?? 0]
    case "verify-lock": try lock?.verify()
    case "unlock": lock = nil
    case "attempt":
      let attempts = CheckpointAttempts(try command.folder)
      try attempts.begin(step: command.number("step"))
      return ["exhausted": try attempts.exhausted().sorted()]
    case "succeed":
      CheckpointAttempts(try command.folder).forget(step: try command.number("step"))
    case "pin":
      try command.folder.pin(
        step: command.number("step"), command.number("on", default: 1) == 1)
      return ["pinned": try command.folder.pinned().sorted()]
    case "memory": return ["peak": peakKiB]
    default: throw Misuse(text: "there is no command \(command.name)")
    }
    return [:]
  }

  /// The newest valid checkpoint, all of it read.
  private func load(_ command: Command) throws -> [String: Any] {
    let aside = try command.number("quarantines", default: 1) == 1
    guard let checkpoint = try command.folder.loadNewestValid(quarantines: aside) else {
      return ["step": NSNull()]
    }
    return try told(checkpoint)
  }

  /// A checkpoint by its step, version and a digest over all it holds.
  private func told(_ checkpoint: Checkpoint) throws -> [String: Any] {
    var hash = SHA256()
    for name in checkpoint.manifest.arrayNames {
      let length = checkpoint.manifest.length(of: name)
      let values = HostBuffer<Float>(count: max(1, length))
      try checkpoint.read(name, 0..<length, into: values.base)
      hash.update(
        UnsafeRawBufferPointer(start: values.base, count: length * MemoryLayout<Float>.stride))
    }
    return [
      "step": checkpoint.manifest.step, "version": checkpoint.manifest.configuration,
      "digest": hash.hexadecimal(), "rejected": checkpoint.rejected,
      "ranks": checkpoint.manifest.worldSize,
    ]
  }

  /// Every committed step with its digest, or with the reason why it does not open.
  private func examined(_ folder: CheckpointFolder) throws -> [[String: Any]] {
    try folder.list().map { step in
      do {
        return try told(folder.open(step: step))
      } catch let error as CheckpointError {
        return ["step": step, "message": error.message]
      }
    }
  }

  /// The most memory that this process has had, in KiB.
  private var peakKiB: Int {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return line.flatMap { Int($0.filter(\.isNumber)) } ?? 0
  }
}
