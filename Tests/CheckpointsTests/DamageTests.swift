import Checkpoints
import Foundation
import Glibc
import Testing

/// Damage to a committed checkpoint is always found, named, put aside, and the next older loads.
@Suite struct DamageTests {
  private static let shard = "shard-00001-of-00002.safetensors"
  private static let files = ["COMMIT", "manifest.json", "shard-00000-of-00002.safetensors", shard]

  /// Damages step 20 and expects step 10 to load, `file` to be named and the rest put aside.
  private func expectFallback(
    naming file: String, sourceLocation: SourceLocation = #_sourceLocation,
    _ damage: (String) throws -> Void
  ) throws {
    let recorder = Recorder(try Scratch())
    try recorder.save(10)
    try recorder.save(20)
    try damage(recorder.path(20))
    let loaded = try recorder.folder.loadNewestValid()
    let checkpoint = try #require(loaded, sourceLocation: sourceLocation)
    #expect(checkpoint.manifest.step == 10, sourceLocation: sourceLocation)
    #expect(try recorder.holds(checkpoint, ranks: 3), sourceLocation: sourceLocation)
    let reason = checkpoint.rejected.first ?? ""
    #expect(reason.contains(file), "\(reason)", sourceLocation: sourceLocation)
    #expect(
      Scratch.names(recorder.folder.path) == ["quarantine-step-00000020", "step-00000010"],
      sourceLocation: sourceLocation)
    let written = try bytes("\(recorder.folder.path)/quarantine-step-00000020/REASON")
    #expect(
      "step-00000020: " + String(decoding: written, as: UTF8.self) == reason + "\n",
      sourceLocation: sourceLocation)
  }

  @Test(arguments: files) func everyFlippedBitIsFound(file: String) throws {
    let recorder = Recorder(try Scratch())
    try recorder.save(20)
    let path = "\(recorder.path(20))/\(file)"
    let whole = try bytes(path)
    // Every byte of a small file, some hundred of a large one, a different bit each time.
    for index in stride(from: 0, to: whole.count, by: max(1, whole.count / 150)) {
      var damaged = whole
      damaged[index] ^= 1 << (index % 8)
      try write(damaged, path)
      #expect(throws: CheckpointError.self) { try recorder.folder.open(step: 20) }
    }
    try write(whole, path)
    #expect(throws: Never.self) { try recorder.folder.open(step: 20) }
  }

  @Test(arguments: files) func flippedBitsFallBack(file: String) throws {
    try expectFallback(naming: file) { folder in
      var content = try bytes("\(folder)/\(file)")
      content[content.count / 2] ^= 4
      try write(content, "\(folder)/\(file)")
    }
  }

  @Test(arguments: files) func missingTruncatedAndLongerFilesFallBack(file: String) throws {
    try expectFallback(naming: file) { folder in
      try FileManager.default.removeItem(atPath: "\(folder)/\(file)")
    }
    try expectFallback(naming: file) { folder in
      try write(try bytes("\(folder)/\(file)").dropLast(), "\(folder)/\(file)")
    }
    try expectFallback(naming: file) { folder in
      try write(try bytes("\(folder)/\(file)") + Data([0]), "\(folder)/\(file)")
    }
    try expectFallback(naming: file) { folder in try write(Data(), "\(folder)/\(file)") }
  }

  @Test(arguments: files) func whatIsNoFileFallsBackWithoutWaiting(file: String) throws {
    try expectFallback(naming: file) { folder in
      try FileManager.default.removeItem(atPath: "\(folder)/\(file)")
      #expect(mkfifo("\(folder)/\(file)", 0o600) == 0)
    }
    try expectFallback(naming: file) { folder in
      let elsewhere = "\(folder)/../step-00000010/\(file)"
      try FileManager.default.removeItem(atPath: "\(folder)/\(file)")
      try FileManager.default.createSymbolicLink(
        atPath: "\(folder)/\(file)", withDestinationPath: elsewhere)
    }
    try expectFallback(naming: file) { folder in
      try FileManager.default.removeItem(atPath: "\(folder)/\(file)")
      try FileManager.default.createDirectory(
        atPath: "\(folder)/\(file)", withIntermediateDirectories: false)
    }
  }

  @Test func shardsOfAnotherStepOrRankFallBack() throws {
    try expectFallback(naming: Self.shard) { folder in
      let other = try bytes("\(folder)/../step-00000010/\(Self.shard)")
      try write(other, "\(folder)/\(Self.shard)")
    }
    try expectFallback(naming: "shard-0000") { folder in
      let first = "\(folder)/shard-00000-of-00002.safetensors"
      let content = try bytes(first)
      try write(try bytes("\(folder)/\(Self.shard)"), first)
      try write(content, "\(folder)/\(Self.shard)")
    }
  }

  @Test func aCheckpointUnderAnotherStepsNameFallsBack() throws {
    let recorder = Recorder(try Scratch())
    try recorder.save(10)
    try FileManager.default.copyItem(atPath: recorder.path(10), toPath: recorder.path(20))
    let checkpoint = try recorder.folder.loadNewestValid()
    #expect(checkpoint?.manifest.step == 10 && checkpoint?.rejected.count == 1)
  }

  @Test func neverStartsAfreshOverDamage() throws {
    let recorder = Recorder(try Scratch())
    try recorder.save(10)
    try recorder.save(20)
    for step in [10, 20] { try write(Data(), "\(recorder.path(step))/COMMIT") }
    // The second start meets only what the first put aside, and must refuse as well.
    for _ in 0..<2 {
      let error = #expect(throws: CheckpointError.self) { try recorder.folder.loadNewestValid() }
      #expect(error?.code == .damaged && error?.message.contains("--fresh") == true)
      #expect(error?.message.contains("step-00000010") == true)
    }
  }

  @Test func readersPutNothingAside() throws {
    let recorder = Recorder(try Scratch())
    try recorder.save(10)
    try recorder.save(20)
    try write(Data(), "\(recorder.path(20))/manifest.json")
    let before = Scratch.names(recorder.folder.path)
    let checkpoint = try recorder.folder.loadNewestValid(quarantines: false)
    #expect(checkpoint?.manifest.step == 10 && checkpoint?.rejected.count == 1)
    #expect(Scratch.names(recorder.folder.path) == before)
  }
}
