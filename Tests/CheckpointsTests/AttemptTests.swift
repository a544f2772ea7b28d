import Checkpoints
import Foundation
import Testing

/// A checkpoint that kills every start from it is passed over.
@Suite struct AttemptTests {
  private func twoCheckpoints() throws -> (Recorder, CheckpointAttempts) {
    let recorder = Recorder(try Scratch())
    for step in [10, 20] { try recorder.save(step) }
    return (recorder, CheckpointAttempts(recorder.folder))
  }

  /// What the next start would go on from.
  private func choice(_ recorder: Recorder, _ attempts: CheckpointAttempts) throws -> Checkpoint? {
    try recorder.folder.prepare()
    return try recorder.folder.loadNewestValid(passingOver: attempts.exhausted)
  }

  @Test func theThirdStartTakesTheNextOlder() throws {
    let (recorder, attempts) = try twoCheckpoints()
    for _ in 0..<CheckpointAttempts.limit {
      #expect(try choice(recorder, attempts)?.manifest.step == 20)
      try attempts.begin(step: 20)
    }
    let third = try #require(try choice(recorder, attempts))
    #expect(third.manifest.step == 10)
    #expect(third.rejected.first?.contains("died at once") == true, "\(third.rejected)")
    // It is not damaged: it stays where it is.
    #expect(try recorder.folder.list() == [20, 10])
    for _ in 0..<CheckpointAttempts.limit { try attempts.begin(step: 10) }
    let error = #expect(throws: CheckpointError.self) { _ = try choice(recorder, attempts) }
    #expect(error?.code == .damaged && error?.message.contains("attempts.json") == true)
  }

  @Test func aStartThatGotAnywhereDoesNotCount() throws {
    let (recorder, attempts) = try twoCheckpoints()
    for _ in 0..<5 {
      #expect(try choice(recorder, attempts)?.manifest.step == 20)
      try attempts.begin(step: 20)
      attempts.succeed(step: 20)
    }
    #expect(attempts.counts.isEmpty)
    #expect(Scratch.names(recorder.folder.path) == ["step-00000010", "step-00000020"])
  }

  @Test(arguments: ["", "{", "[1]", "{\"20\": -7}", "{\"20\": 1e300}", "{\"x\": 9}", "\0\0"])
  func aFileThatIsNotOursCountsNothing(content: String) throws {
    let (recorder, attempts) = try twoCheckpoints()
    try write(Data(content.utf8), recorder.folder.path + "/attempts.json")
    #expect(try choice(recorder, attempts)?.manifest.step == 20)
    try attempts.begin(step: 20)
    #expect(attempts.counts == [20: 1] || content.contains("x"))
  }
}
