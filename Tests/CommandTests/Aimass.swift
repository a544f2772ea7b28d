import Foundation
import TestSupport

/// The built program, as a person would start it.
enum Aimass {
  /// Seconds any one call may take before the watchdog ends it.
  static let patience = 100.0

  /// Its path.
  static var program: String {
    get throws { try Products.program("aimass") }
  }

  /// Runs it as typed; `train` starts its own ranks.
  static func run(
    _ arguments: [String], environment: [String: String] = [:], currentDirectory: String? = nil
  ) throws -> ProcessResult {
    try runProcess(
      program, arguments, environment: variables(environment), timeout: patience,
      currentDirectory: currentDirectory)
  }

  /// Runs it under `mpirun` on several ranks, alone without it on one.
  static func run(ranks: Int, _ arguments: [String]) throws -> ProcessResult {
    guard ranks > 1 else { return try run(arguments) }
    return try Mpirun.run(
      ranks: ranks, "aimass", arguments, environment: variables([:]), timeout: Int(patience))
  }

  /// The same built for debugging, in which `AIMASS_FAULT` makes something go wrong.
  ///
  /// - Parameters:
  ///   - fault: as `FaultPlan` reads it.
  ///   - arguments: the command.
  /// - Returns: how it ended.
  /// - Throws: `ProcessFailure` if it is not built or does not end in its time.
  static func run(fault: String, _ arguments: [String]) throws -> ProcessResult {
    try runProcess(
      Products.faultProgram, arguments,
      // Swift's own report of a trap takes seconds and tells nothing here.
      environment: variables(["AIMASS_FAULT": fault, "SWIFT_BACKTRACE": "enable=no"]),
      timeout: patience)
  }

  /// Trains a configuration of the shelf, or one of the test's own.
  static func train(
    _ configuration: String, ranks: Int = 1, output: String, set: [String] = [],
    _ more: [String] = [], environment: [String: String] = [:]
  ) throws -> ProcessResult {
    try run(
      trainArguments(configuration, ranks: ranks, output: output, set: set) + more,
      environment: environment)
  }

  /// The words of a `train` command.
  static func trainArguments(
    _ configuration: String, ranks: Int, output: String, set: [String] = []
  ) -> [String] {
    ["train", configuration, "--ranks", "\(ranks)", "--output", output]
      + set.flatMap { ["--set", $0] }
  }

  /// What makes `mpirun` work in a container, and output that does not depend on who watches.
  static func variables(_ more: [String: String]) -> [String: String] {
    var all = Mpirun.environment
    all["COLUMNS"] = "80"
    // A folder of data must not change what a test that names its own files sees.
    all["AIMASS_DATA"] = ""
    return all.merging(more) { $1 }
  }
}

/// What a run folder says about itself.
struct Run {
  let path: String

  /// `summary.json`, or nil where the run is not finished.
  var summary: [String: Any]? {
    guard let data = FileManager.default.contents(atPath: path + "/summary.json") else {
      return nil
    }
    return (try? JSONSerialization.jsonObject(with: data)) as? [String: Any]
  }

  /// The digest over all parameters after the last step.
  var digest: String { summary?["parametersDigest"] as? String ?? "no digest in \(path)" }

  /// The metrics of the summary, in one order.
  var metrics: [String] {
    let metrics = summary?["metrics"] as? [String: Any] ?? [:]
    return metrics.map { "\($0.key)=\($0.value)" }.sorted()
  }

  /// The lines of `metrics.jsonl`.
  var lines: [[String: Any]] {
    let text = (try? String(contentsOfFile: path + "/metrics.jsonl", encoding: .utf8)) ?? ""
    return text.split(separator: "\n").compactMap {
      (try? JSONSerialization.jsonObject(with: Data($0.utf8))) as? [String: Any]
    }
  }

  /// The steps of the training lines, in the order of the file.
  var steps: [Int] {
    lines.filter { $0["loss"] != nil && $0["split"] == nil }.compactMap { $0["step"] as? Int }
  }

  /// The steps of the validation lines, in the order of the file.
  var evaluations: [Int] { lines.filter { $0["split"] != nil }.compactMap { $0["step"] as? Int } }

  /// What must be equal however often the run was interrupted: all but the speed.
  var history: [String] {
    lines.map { line in
      line.filter { $0.key != "samplesPerSecond" }.sorted { $0.key < $1.key }
        .map { "\($0.key)=\(Self.text($0.value))" }.joined(separator: " ")
    }
  }

  /// A value as text, keys of objects in order.
  private static func text(_ value: Any) -> String {
    guard value is [String: Any],
      let json = try? JSONSerialization.data(withJSONObject: value, options: .sortedKeys)
    else { return "\(value)" }
    return String(decoding: json, as: UTF8.self)
  }

  /// The names of the committed checkpoints, oldest first.
  var checkpoints: [String] {
    let names = try? FileManager.default.contentsOfDirectory(atPath: path + "/checkpoints")
    return (names ?? []).filter { $0.hasPrefix("step-") }.sorted()
  }
}

/// Every file below a folder with its bytes, to see that nothing was touched.
func snapshot(_ folder: String) -> [String: Data] {
  var files: [String: Data] = [:]
  let names = FileManager.default.enumerator(atPath: folder)
  while let name = names?.nextObject() as? String {
    files[name] = FileManager.default.contents(atPath: folder + "/" + name) ?? Data()
  }
  return files
}
