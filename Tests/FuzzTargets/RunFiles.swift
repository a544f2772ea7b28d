import Foundation
import Training

extension FuzzTarget {
  /// What a run leaves, and others read.
  static let runFiles = [
    FuzzTarget("heartbeat") { bytes in
      let run = RunFolder(FuzzFolder.path)
      try FileManager.default.createDirectory(
        atPath: FuzzFolder.path + "/heartbeats", withIntermediateDirectories: true)
      try FuzzFolder.write(bytes, to: "heartbeats/node.json")
      try FuzzFolder.write(bytes, to: "heartbeats/verdict.txt")
      let beats = Heartbeats(of: run)
      _ = beats.verdict
      for state in beats.read().values.flatMap(\.ranks) { _ = state.node }
    },
    FuzzTarget("summary") { bytes in
      try FuzzFolder.write(bytes, to: "summary.json")
      _ = try RunSummary.load("\(FuzzFolder.path)/summary.json")
    },
  ]
}
