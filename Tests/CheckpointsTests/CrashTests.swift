import Checkpoints
import Foundation
import Testing

/// What a process that dies anywhere in the protocol leaves behind, and what the next one does.
@Suite struct CrashTests {
  /// How far the writing of step 20 gets, with step 10 committed before.
  enum Point: String, CaseIterable, Sendable {
    case begun, oneShard, allShards, manifest, halfCommit, commitUnrenamed
    case replacing, replaced, deleting
  }

  private func reach(_ point: Point, _ recorder: Recorder) throws {
    let files = FileManager.default
    let root = recorder.folder.path
    switch point {
    case .begun: _ = try recorder.folder.begin(step: 20)
    case .oneShard, .allShards:
      let pending = try recorder.folder.begin(step: 20)
      _ = try recorder.shards(in: pending, ranks: 2)
      if point == .oneShard {
        try files.removeItem(atPath: "\(pending.path)/shard-00001-of-00002.safetensors")
      }
    case .manifest, .halfCommit, .commitUnrenamed:
      // The rename undone is the state before the rename.
      try recorder.save(20)
      let pending = recorder.folder.pending(step: 20)
      try files.moveItem(atPath: recorder.path(20), toPath: pending.path)
      let commit = "\(pending.path)/COMMIT"
      if point == .manifest { try files.removeItem(atPath: commit) }
      if point == .halfCommit { try write(try bytes(commit).prefix(20), commit) }
    case .replacing:
      // Step 10 is being replaced: the old one is aside, the new one not yet in its place.
      try recorder.save(10, ranks: 3)
      try files.moveItem(atPath: recorder.path(10), toPath: "\(root)/.old-step-00000010")
    case .replaced:
      try files.copyItem(atPath: recorder.path(10), toPath: "\(root)/.old-step-00000010")
    case .deleting:
      try recorder.save(5)
      try files.moveItem(atPath: recorder.path(5), toPath: "\(root)/.del-step-00000005")
      try files.removeItem(atPath: "\(root)/.del-step-00000005/COMMIT")
    }
  }

  @Test(arguments: Point.allCases)
  func theLastCommittedCheckpointLoadsAndLitterGoes(point: Point) throws {
    let recorder = Recorder(try Scratch())
    try recorder.save(10)
    try reach(point, recorder)
    // The next process starts.
    try recorder.folder.prepare()
    let checkpoint = try #require(try recorder.folder.loadNewestValid())
    #expect(checkpoint.manifest.step == 10 && checkpoint.rejected.isEmpty)
    #expect(try recorder.holds(checkpoint, ranks: 3))
    #expect(Scratch.names(recorder.folder.path) == ["step-00000010"])
    try recorder.save(20)
    #expect(try recorder.folder.loadNewestValid()?.manifest.step == 20)
  }

  @Test func aFirstCheckpointCutShortIsAFreshStart() throws {
    let recorder = Recorder(try Scratch())
    _ = try recorder.shards(in: recorder.folder.begin(step: 1), ranks: 2)
    #expect(try recorder.folder.loadNewestValid() == nil)
    try recorder.folder.prepare()
    #expect(Scratch.names(recorder.folder.path) == [])
  }

  @Test func beginningAgainForgetsTheFirstAttempt() throws {
    let recorder = Recorder(try Scratch())
    _ = try recorder.shards(in: recorder.folder.begin(step: 1), ranks: 3)
    try recorder.save(1)
    #expect(
      Scratch.names(recorder.path(1)) == [
        "COMMIT", "manifest.json", "shard-00000-of-00002.safetensors",
        "shard-00001-of-00002.safetensors",
      ])
  }
}
