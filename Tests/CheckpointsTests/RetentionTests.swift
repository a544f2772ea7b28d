import Checkpoints
import Testing

/// Which checkpoints stay after a commit.
@Suite struct RetentionTests {
  private static let steps = [10, 20, 30, 40, 50]

  private func saved() throws -> Recorder {
    let recorder = Recorder(try Scratch())
    for step in Self.steps { try recorder.save(step, ranks: 1) }
    return recorder
  }

  @Test(arguments: [
    (Retention(keep: 1), [50]), (Retention(keep: 2), [50, 40]),
    (Retention(keep: 2, best: 10), [50, 40, 10]), (Retention(keep: 2, best: 50), [50, 40]),
    (Retention(keep: 1, best: 30), [50, 30]), (Retention(keep: 9, best: 10), [50, 40, 30, 20, 10]),
    (Retention(keep: 2, best: 77), [50, 40]), (Retention(keep: 1, keepEvery: 20), [50, 40, 20]),
    (Retention(keep: 2, keepEvery: 15, best: 10), [50, 40, 30, 10]),
    (Retention(keep: 1, keepEvery: 1), [50, 40, 30, 20, 10]),
  ])
  func theNewestTheBestAndTheMultiplesStay(rule: Retention, expected: [Int]) throws {
    let recorder = try saved()
    let deleted = try recorder.folder.retain(rule, after: 50)
    #expect(try recorder.folder.list() == expected)
    #expect(deleted == Self.steps.filter { !expected.contains($0) })
    #expect(Scratch.names(recorder.folder.path).count == expected.count)
  }

  @Test func whatAPersonPinsStaysUntilItIsUnpinned() throws {
    let recorder = try saved()
    try recorder.folder.pin(step: 20)
    try recorder.folder.pin(step: 20)
    #expect(try recorder.folder.pinned() == [20])
    #expect(try recorder.folder.retain(Retention(keep: 1), after: 50) == [10, 30, 40])
    #expect(try recorder.folder.open(step: 20).manifest.step == 20)
    // Neither the next start nor the choice of the newest minds the mark.
    try recorder.folder.prepare()
    #expect(try recorder.folder.loadNewestValid()?.manifest.step == 50)
    try recorder.folder.pin(step: 20, false)
    #expect(try recorder.folder.retain(Retention(keep: 1), after: 50) == [20])
    #expect(Scratch.names(recorder.folder.path) == ["step-00000050"])
  }

  @Test func onlyCheckpointsThatExistCanBePinned() throws {
    let recorder = try saved()
    let error = #expect(throws: CheckpointError.self) { try recorder.folder.pin(step: 25) }
    #expect(error?.code == .missing)
    #expect(try recorder.folder.pinned().isEmpty)
  }
}
