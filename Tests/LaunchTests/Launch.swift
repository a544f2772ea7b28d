import Foundation
import Glibc
import TestSupport
import Testing

/// A script of `launch/`, with stand-ins for the programs it calls, or as it is.
enum Launch {
  /// Runs a script with `programs` first on `PATH`; each is the body of a shell script.
  ///
  /// - Parameters:
  ///   - script: its name in `launch/`.
  ///   - arguments: what follows it.
  ///   - programs: bodies by name.
  ///   - files: texts by name, in the folder where the script runs.
  ///   - environment: variables on top of this process's own.
  ///   - timeout: seconds it may take.
  /// - Returns: how it ended.
  /// - Throws: `ProcessFailure` if it cannot start or is not done in time.
  static func run(
    _ script: String, _ arguments: [String] = [], _ programs: [String: String] = [:],
    files: [String: String] = [:], environment: [String: String] = [:], timeout: Double = 60
  ) throws -> ProcessResult {
    try withTemporaryFolder { folder in
      for (name, body) in programs {
        // Copied by a program of its own: a file that this process has open for writing, if only in
        // a child about to start, cannot be run ("text file busy").
        let text = try folder.write("#!/bin/bash\n\(body)\n", to: "\(name).txt")
        _ = try runProcess("install", ["-D", "-m", "755", text, folder.file("bin/\(name)")])
      }
      for (name, text) in files { try folder.write(text, to: name) }
      let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
      return try runProcess(
        self.path(script), arguments,
        environment: ["PATH": folder.file("bin") + ":" + path].merging(environment) { $1 },
        timeout: timeout, currentDirectory: folder.path)
    }
  }

  /// Where a script is.
  static func path(_ script: String) -> String { Checkout.folder + "/launch/" + script }
}

/// What the tests of real nodes need, and seldom have.
enum Rights {
  /// Whether this process may make network namespaces.
  static let network: Bool = {
    guard geteuid() == 0, let tool = try? runProcess("ip", ["netns", "list"]) else { return false }
    return tool.status == 0 && (try? runProcess("unshare", ["--net", "true"]))?.status == 0
  }()

  /// Whether Slurm's programs are there too.
  static let slurm: Bool = {
    let programs = "command -v munged slurmctld slurmd sbatch"
    let found = try? runProcess("sh", ["-c", "PATH=$PATH:/usr/sbin && \(programs)"])
    return network && found?.status == 0
  }()

  /// Why a test is skipped.
  static let networkHint: Comment = "needs root and the right to make network namespaces"
  /// Why a test is skipped.
  static let slurmHint: Comment = "needs root and Slurm: launch/setup --with-slurm"
}
