import Checkpoints
import Foundation
import Glibc

/// Saves a checkpoint through the interface of ranks, all of them in this process.
struct Save {
  /// Scalars of each array: shards of two ranks are longer than two pages.
  static let count = 2500
  /// What a checkpoint holds.
  static let arrays = ["parameters", "adam.m"]

  private let folder: CheckpointFolder
  private let step: Int
  private let ranks: Int
  private let version: Int
  private let retention: Retention?
  private let space: Int
  /// How far it came: what the answer calls the stage.
  private(set) var stage = "begin"

  init(_ command: Command) throws {
    folder = try command.folder
    step = try command.number("step")
    ranks = try command.number("ranks", default: 2)
    version = try command.number("version", default: 1)
    let keep = try command.number("keep", default: 0)
    let best = try command.number("best", default: -1)
    retention = keep > 0 ? Retention(keep: keep, best: best < 0 ? nil : best) : nil
    space = try command.number("space", default: 1 << 16)
  }

  /// The scalar of an array at a place, which tells array, step, version and place.
  static func value(_ array: Int, _ step: Int, _ version: Int, _ index: Int) -> Float {
    Float(index) + Float(step) * 4096 + Float(array) * 0.25 + Float(version) * 0.0625
  }

  /// The whole save: what a trainer does at an interval.
  ///
  /// - Returns: the steps that retention deleted.
  mutating func run() throws -> [Int] {
    let pending = try folder.begin(step: step, expectedBytes: space)
    do {
      stage = "shard"
      let shards = try (0..<ranks).map { try shard($0, in: pending) }
      stage = "commit"
      try folder.commit(pending, manifest: manifest(shards))
    } catch {
      folder.abandon(pending)
      throw error
    }
    stage = "retain"
    mark("committed")
    let deleted = try retention.map { try folder.retain($0, after: step) } ?? []
    stage = "done"
    mark("done")
    return deleted
  }

  private func shard(_ rank: Int, in pending: PendingCheckpoint) throws -> ShardRecord {
    let range = Self.count * rank / ranks..<Self.count * (rank + 1) / ranks
    let values = Self.arrays.indices.flatMap { array in
      range.map { Self.value(array, step, version, $0) }
    }
    return try values.withUnsafeBufferPointer { values in
      let arrays = zip(Self.arrays.indices, Self.arrays).compactMap { index, name in
        values.baseAddress.map {
          ShardArray(name: name, range: range, base: $0 + index * range.count)
        }
      }
      return try folder.writeShard(in: pending, index: rank, of: ranks, arrays: arrays)
    }
  }

  private func manifest(_ shards: [ShardRecord]) -> CheckpointManifest {
    var state = TrainingState()
    state.step = step
    state.stepsTaken = step
    var manifest = CheckpointManifest(
      state: state, parameterCount: Self.count, shards: shards)
    manifest.configuration = "version \(version)"
    manifest.worldSize = ranks
    manifest.metrics = ["loss": 1 / Double(step + 2)]
    return manifest
  }

  /// Tells the recorder how far the save has come, where one is preloaded.
  private func mark(_ text: String) {
    guard let symbol = dlsym(nil, "aimass_faults_mark") else { return }
    typealias Mark = @convention(c) (UnsafePointer<CChar>) -> Void
    unsafeBitCast(symbol, to: Mark.self)(text)
  }
}
