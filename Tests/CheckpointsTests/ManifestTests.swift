import Buffers
import Checkpoints
import Foundation
import Testing

/// Manifests that are sealed by a right `COMMIT` and still must not be believed.
@Suite struct ManifestTests {
  /// Rewrites the manifest of a committed checkpoint and seals it again.
  private func reseal(_ folder: String, _ change: (inout [String: Any]) -> Void) throws {
    let path = "\(folder)/manifest.json"
    let object = try JSONSerialization.jsonObject(with: bytes(path))
    var manifest = try #require(object as? [String: Any])
    change(&manifest)
    let data = try JSONSerialization.data(withJSONObject: manifest)
    try write(data, path)
    let digest = data.withUnsafeBytes { SHA256.hexadecimal(of: $0) }
    try write(Data((digest + "\n").utf8), "\(folder)/COMMIT")
  }

  private func saved() throws -> Recorder {
    let recorder = Recorder(try Scratch())
    try recorder.save(10)
    return recorder
  }

  @Test func resealingAloneIsAccepted() throws {
    let recorder = try saved()
    try reseal(recorder.path(10)) { $0["note"] = "keys of later revisions are ignored" }
    #expect(try recorder.folder.loadNewestValid()?.manifest.step == 10)
  }

  @Test func aNewerVersionIsRefusedAndLeftInPlace() throws {
    let recorder = try saved()
    try reseal(recorder.path(10)) {
      $0 = ["version": 4, "everything": "else may have changed"]
    }
    let error = #expect(throws: CheckpointError.self) { try recorder.folder.loadNewestValid() }
    #expect(error?.code == .newerVersion)
    #expect(Scratch.names(recorder.folder.path) == ["step-00000010"])
  }

  @Test(arguments: [1, 2]) func earlierVersionsNotedTheDigest(version: Int) throws {
    let recorder = try saved()
    try reseal(recorder.path(10)) {
      $0["version"] = version
      $0["parametersDigest"] = "d10"
    }
    let checkpoint = try #require(try recorder.folder.loadNewestValid())
    #expect(checkpoint.manifest.version == version)
    #expect(try checkpoint.parametersDigest() == "d10")
  }

  @Test(arguments: [
    "../../../etc/passwd", "/etc/passwd", "shard-00000-of-00001.safetensors", "",
  ])
  func shardsElsewhereAreRefused(name: String) throws {
    let recorder = try saved()
    try reseal(recorder.path(10)) { manifest in
      guard var shards = manifest["shards"] as? [[String: Any]] else { return }
      shards[0]["file"] = name
      manifest["shards"] = shards
    }
    let error = #expect(throws: CheckpointError.self) { try recorder.folder.open(step: 10) }
    #expect(error?.code == .damaged && error?.message.contains("expected the shard") == true)
  }

  @Test(arguments: [
    ("start", 1), ("start", -1), ("count", -5), ("count", Int.max), ("count", 4999),
    ("count", 5001),
  ])
  func piecesThatDoNotTileAreRefused(key: String, value: Int) throws {
    let recorder = try saved()
    try reseal(recorder.path(10)) { manifest in
      guard var shards = manifest["shards"] as? [[String: Any]],
        var arrays = shards[0]["arrays"] as? [[String: Any]]
      else { return }
      arrays[0][key] = value
      shards[0]["arrays"] = arrays
      manifest["shards"] = shards
    }
    let error = #expect(throws: CheckpointError.self) { try recorder.folder.open(step: 10) }
    #expect(error?.code == .damaged)
  }

  /// Two shards with parameters, and rows of 3 scalars that go round among them.
  private func savedWithRows() throws -> Recorder {
    let recorder = Recorder(try Scratch())
    let pending = try recorder.folder.begin(step: 10)
    let rows = (0..<12).map { Float($0) + 0.125 }
    let shards = try rows.withUnsafeBufferPointer { rows in
      try (0..<2).map { rank in
        let base = try #require(rows.baseAddress)
        let own = [rank, rank + 2].map {
          ShardArray(name: "rows", range: 3 * $0..<3 * $0 + 3, base: base + 3 * $0)
        }
        let parameters = ShardArray(name: "parameters", range: 5 * rank..<5 * rank + 5, base: base)
        return try recorder.folder.writeShard(
          in: pending, index: rank, of: 2, arrays: [parameters] + own)
      }
    }
    var manifest = CheckpointManifest(
      state: TrainingState(), parameterCount: 10, shards: shards)
    manifest.state.step = 10
    manifest.lengths = ["rows": 12]
    try recorder.folder.commit(pending, manifest: manifest)
    return recorder
  }

  @Test func anArrayMayHaveALengthOfItsOwn() throws {
    let recorder = try savedWithRows()
    let checkpoint = try #require(try recorder.folder.loadNewestValid())
    #expect(checkpoint.manifest.length(of: "rows") == 12)
    #expect(checkpoint.manifest.length(of: "parameters") == 10)
    var found = [Float](repeating: -1, count: 7)
    try checkpoint.read("rows", 4..<11, into: &found)
    #expect(found == (4..<11).map { Float($0) + 0.125 })
    let error = #expect(throws: CheckpointError.self) {
      try checkpoint.read("parameters", 4..<11, into: &found)
    }
    #expect(error?.message.contains("holds 10 scalars of 'parameters'") == true)
  }

  @Test(arguments: [11, 13, -1]) func aWrongLengthIsRefused(length: Int) throws {
    let recorder = try savedWithRows()
    try reseal(recorder.path(10)) { $0["lengths"] = ["rows": length] }
    let error = #expect(throws: CheckpointError.self) { try recorder.folder.open(step: 10) }
    #expect(error?.code == .damaged && error?.message.contains("'rows'") == true)
  }

  @Test func otherShapesOfJSONAreRefused() throws {
    let recorder = try saved()
    for key in ["state", "shards", "parameterCount", "version"] {
      try reseal(recorder.path(10)) { $0[key] = "text" }
      let error = #expect(throws: CheckpointError.self) { try recorder.folder.open(step: 10) }
      #expect(error?.code == .damaged && error?.message.contains("manifest.json") == true)
    }
  }
}
