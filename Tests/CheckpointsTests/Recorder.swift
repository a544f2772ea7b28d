import Checkpoints
import Foundation

/// Writes small checkpoints whose values tell array, step and place.
struct Recorder {
  static let count = 10_000
  let folder: CheckpointFolder
  private let scratch: Scratch

  init(_ scratch: Scratch) {
    self.scratch = scratch
    folder = CheckpointFolder(scratch.file("run/checkpoints"))
  }

  /// A recorder whose folder is another way to that of a recorder.
  init(_ folder: CheckpointFolder, keeping other: Recorder) {
    (self.folder, scratch) = (folder, other.scratch)
  }

  /// The scalar of an array at a place after a step.
  static func value(_ array: String, _ step: Int, _ index: Int) -> Float {
    Float(index) + (array == "parameters" ? 0.25 : 0.5) + Float(step) * 16
  }

  /// The stretch of rank `rank`.
  static func range(_ rank: Int, of ranks: Int) -> Range<Int> {
    count * rank / ranks..<count * (rank + 1) / ranks
  }

  /// Writes the shards of a step as `ranks` ranks would.
  func shards(in pending: PendingCheckpoint, ranks: Int) throws -> [ShardRecord] {
    try (0..<ranks).map { rank in
      let range = Self.range(rank, of: ranks)
      let weights = range.map { Self.value("parameters", pending.step, $0) }
      let moments = range.map { Self.value("adam.m", pending.step, $0) }
      return try weights.withUnsafeBufferPointer { weights in
        try moments.withUnsafeBufferPointer { moments in
          var arrays: [ShardArray] = []
          if let base = weights.baseAddress, let other = moments.baseAddress {
            arrays = [
              ShardArray(name: "parameters", range: range, base: base),
              ShardArray(name: "adam.m", range: range, base: other),
            ]
          }
          return try folder.writeShard(in: pending, index: rank, of: ranks, arrays: arrays)
        }
      }
    }
  }

  /// The manifest of a step.
  static func manifest(_ step: Int, _ shards: [ShardRecord]) -> CheckpointManifest {
    var state = TrainingState()
    state.step = step
    state.stepsTaken = step - 1
    state.bestMetric = 0.1 + 0.2
    var manifest = CheckpointManifest(
      state: state, parameterCount: count, shards: shards)
    manifest.worldSize = shards.count
    manifest.metrics = ["loss": 1 / 3, "rocAUC": .nan]
    return manifest
  }

  /// A whole checkpoint.
  func save(_ step: Int, ranks: Int = 2) throws {
    let pending = try folder.begin(step: step, expectedBytes: 1000)
    let shards = try shards(in: pending, ranks: ranks)
    try folder.commit(pending, manifest: Self.manifest(step, shards))
  }

  /// The folder of a step's checkpoint.
  func path(_ step: Int) -> String {
    "\(folder.path)/step-" + String(repeating: "0", count: 8 - String(step).count) + String(step)
  }

  /// Whether a checkpoint gives back what was saved, read by `ranks` ranks.
  func holds(_ checkpoint: Checkpoint, ranks: Int) throws -> Bool {
    for array in ["parameters", "adam.m"] {
      for rank in 0..<ranks {
        let range = Self.range(rank, of: ranks)
        var found = [Float](repeating: -1, count: range.count)
        try checkpoint.read(array, range, into: &found)
        let step = checkpoint.manifest.step
        guard found == range.map({ Self.value(array, step, $0) }) else { return false }
      }
    }
    return true
  }
}
