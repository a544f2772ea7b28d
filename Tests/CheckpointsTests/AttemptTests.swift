import Checkpoints
import Foundation
import Glibc
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
    return try recorder.folder.loadNewestValid(passingOver: attempts.exhausted())
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
      attempts.forget(step: 20)
    }
    #expect(try attempts.counts().isEmpty)
    #expect(Scratch.names(recorder.folder.path) == ["step-00000010", "step-00000020"])
  }

  @Test(arguments: ["", "{", "[1]", "{\"20\": -7}", "{\"20\": 1e300}", "{\"x\": 9}", "\0\0"])
  func aFileThatIsNotOursCountsNothing(content: String) throws {
    let (recorder, attempts) = try twoCheckpoints()
    try write(Data(content.utf8), recorder.folder.path + "/attempts.json")
    #expect(try choice(recorder, attempts)?.manifest.step == 20)
    try attempts.begin(step: 20)
    #expect(try attempts.counts() == [20: 1] || content.contains("x"))
  }

  @Test func attemptsCountWhereTheFolderIsALink() throws {
    let (recorder, _) = try twoCheckpoints()
    let way = try Scratch()
    #expect(symlink(recorder.folder.path, way.file("link")) == 0)
    let attempts = CheckpointAttempts(CheckpointFolder(way.file("link")))
    for count in 1...3 {
      try attempts.begin(step: 20)
      #expect(try attempts.counts() == [20: count])
    }
  }

  @Test func whatIsPassedOverTakesNoNewerOnesPlace() throws {
    let recorder = Recorder(try Scratch())
    for step in [80, 100, 110] { try recorder.save(step) }
    let attempts = CheckpointAttempts(recorder.folder)
    for step in [100, 110] {
      for _ in 0..<CheckpointAttempts.limit { try attempts.begin(step: step) }
    }
    var rule = Retention(keep: 2, passedOver: try attempts.exhausted())
    #expect(try choice(recorder, attempts)?.manifest.step == 80)
    try attempts.begin(step: 80)
    // The second attempt at what a start goes on from is not over: it is none of those it passed over.
    try attempts.begin(step: 80)
    // The run goes on from 80: what it writes stays, and so does what a person may still want.
    try recorder.save(90)
    #expect(try recorder.folder.retain(rule, after: 90).isEmpty)
    #expect(try recorder.folder.list() == [110, 100, 90, 80])
    #expect(try choice(recorder, attempts)?.manifest.step == 90)
    // Written anew, it is another checkpoint.
    try recorder.save(100)
    #expect(try recorder.folder.retain(rule, after: 100) == [80])
    attempts.forget(step: 100)
    rule.passedOver.remove(100)
    #expect(try choice(recorder, attempts)?.manifest.step == 100)
    // What is passed over goes once it is behind.
    try recorder.save(120)
    #expect(try recorder.folder.retain(rule, after: 120) == [90, 110])
    #expect(try recorder.folder.list() == [120, 100])
  }
}
