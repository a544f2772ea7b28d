import Checkpoints
import Foundation
import Glibc
import Testing

@Suite struct CheckpointFolderTests {
  @Test(arguments: [1, 2, 3, 7])
  func anyNumberOfRanksReadsWhatAnyNumberWrote(writers: Int) throws {
    let recorder = Recorder(try Scratch())
    try recorder.save(128, ranks: writers)
    let checkpoint = try #require(try recorder.folder.loadNewestValid())
    #expect(checkpoint.manifest.arrayNames == ["adam.m", "parameters"])
    for readers in [1, 2, 3, 4, 6, 8, 97] {
      #expect(try recorder.holds(checkpoint, ranks: readers))
    }
  }

  @Test func moreRanksThanBlocksWriteEmptyShards() throws {
    let scratch = try Scratch()
    let folder = CheckpointFolder(scratch.file("c"))
    let pending = try folder.begin(step: 1)
    let values: [Float] = [1, 2]
    let shards = try (0..<3).map { rank in
      try values.withUnsafeBufferPointer { values in
        let arrays = values.baseAddress.map {
          [ShardArray(name: "parameters", range: rank == 1 ? 0..<2 : 0..<0, base: $0)]
        }
        return try folder.writeShard(in: pending, index: rank, of: 3, arrays: arrays ?? [])
      }
    }
    var state = TrainingState()
    state.step = 1
    try folder.commit(
      pending,
      manifest: CheckpointManifest(
        state: state, parameterCount: 2, shards: shards))
    var found: [Float] = [0, 0]
    try folder.open(step: 1).read("parameters", 0..<2, into: &found)
    #expect(found == values)
  }

  @Test func theManifestComesBackExactly() throws {
    let recorder = Recorder(try Scratch())
    try recorder.save(3)
    let manifest = try recorder.folder.open(step: 3).manifest
    #expect(manifest.state.bestMetric == 0.1 + 0.2)
    #expect(manifest.metrics["loss"] == 1.0 / 3.0)
    #expect(manifest.metrics["rocAUC"]?.isNaN == true)
    #expect(manifest.state == Recorder.manifest(3, []).state)
    #expect(manifest.version == 3 && manifest.parametersDigest == nil)
  }

  @Test func anEmptyOrMissingFolderHasNoCheckpoint() throws {
    let recorder = Recorder(try Scratch())
    #expect(try recorder.folder.list() == [])
    #expect(try recorder.folder.loadNewestValid() == nil)
    try recorder.folder.prepare()
    #expect(try recorder.folder.loadNewestValid() == nil)
  }

  @Test func listsNewestFirstAndOnlyStrictNames() throws {
    let recorder = Recorder(try Scratch())
    for step in [5, 100_000_000, 20] { try recorder.save(step) }
    for name in ["step-5", "step-000000007", "step-0000000x", "step-+0000007", "other"] {
      try FileManager.default.createDirectory(
        atPath: "\(recorder.folder.path)/\(name)", withIntermediateDirectories: false)
      try write(Data(), "\(recorder.folder.path)/\(name)/COMMIT")
    }
    #expect(try recorder.folder.list() == [100_000_000, 20, 5])
  }

  @Test func aMissingStepIsNamedWithThoseThatExist() throws {
    let recorder = Recorder(try Scratch())
    try recorder.save(5)
    let error = #expect(throws: CheckpointError.self) { try recorder.folder.open(step: 6) }
    #expect(error?.code == .missing && error?.message.contains("[5]") == true)
  }

  @Test func savingAStepAgainReplacesIt() throws {
    let recorder = Recorder(try Scratch())
    try recorder.save(5, ranks: 1)
    try recorder.save(5, ranks: 3)
    #expect(try recorder.folder.open(step: 5).manifest.worldSize == 3)
    #expect(Scratch.names(recorder.folder.path) == ["step-00000005"])
  }

  @Test func shardsThatLeaveAGapAreNotCommitted() throws {
    let recorder = Recorder(try Scratch())
    let pending = try recorder.folder.begin(step: 1)
    let shards = try recorder.shards(in: pending, ranks: 2)
    for wrong in [[shards[0]], [shards[1], shards[0]], []] {
      #expect(throws: CheckpointError.self) {
        try recorder.folder.commit(pending, manifest: Recorder.manifest(1, wrong))
      }
    }
    #expect(try recorder.folder.list() == [])
    recorder.folder.abandon(pending)
    #expect(Scratch.names(recorder.folder.path) == [])
  }

  @Test func unknownArraysAndForeignRangesAreErrors() throws {
    let recorder = Recorder(try Scratch())
    try recorder.save(1)
    let checkpoint = try recorder.folder.open(step: 1)
    var room = [Float](repeating: 0, count: 4)
    let unknown = #expect(throws: CheckpointError.self) {
      try checkpoint.read("ema", 0..<4, into: &room)
    }
    #expect(unknown?.message.contains("adam.m, parameters") == true)
    #expect(throws: CheckpointError.self) {
      try checkpoint.read("adam.m", Recorder.count - 2..<Recorder.count + 2, into: &room)
    }
    #expect(!checkpoint.holds("ema") && checkpoint.holds("adam.m"))
  }

  @Test func placesThatCannotBeWrittenAreNamed() throws {
    let scratch = try Scratch()
    try write(Data([1]), scratch.file("file"))
    var places = [scratch.file("file/checkpoints"), "/proc/checkpoints"]
    if geteuid() != 0 {
      #expect(mkdir(scratch.file("closed"), 0o500) == 0)
      places.append(scratch.file("closed/checkpoints"))
    }
    for place in places {
      let error = #expect(throws: CheckpointError.self) {
        _ = try CheckpointFolder(place).begin(step: 1)
      }
      #expect(error?.message.contains("cannot create the folder \(place)") == true)
      #expect(error?.code != .damaged)
    }
    let readOnly = #expect(throws: CheckpointError.self) {
      _ = try CheckpointFolder("/sys/kernel/checkpoints").begin(step: 1)
    }
    #expect(readOnly?.code == .cannotCreate)
  }

  @Test func tooLittleSpaceIsSaidBeforeWriting() throws {
    let recorder = Recorder(try Scratch())
    let error = #expect(throws: CheckpointError.self) {
      try recorder.folder.begin(step: 1, expectedBytes: 1 << 60)
    }
    #expect(error?.code == .noSpace && error?.message.contains("are free") == true)
    #expect(Scratch.names(recorder.folder.path) == [])
  }
}
