import Checkpoints
import Foundation
import Glibc
import Testing

@Suite struct RunLockTests {
  @Test func aSecondHolderIsToldWhoHasIt() throws {
    let scratch = try Scratch()
    let lock = try RunLock(folder: scratch.file("run"))
    let error = #expect(throws: CheckpointError.self) {
      _ = try RunLock(folder: scratch.file("run"))
    }
    #expect(error?.code == .locked)
    var name = [CChar](repeating: 0, count: 256)
    gethostname(&name, 255)
    let host = String(decoding: name.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
    #expect(error?.message.contains("host \(host) process \(getpid())") == true)
    try lock.verify()
  }

  @Test func theTokenRisesWithEveryHolder() throws {
    let scratch = try Scratch()
    var tokens: [Int] = []
    for _ in 0..<3 {
      let lock = try RunLock(folder: scratch.path)
      tokens.append(lock.token)
    }
    #expect(tokens == [1, 2, 3])
  }

  @Test func aFolderTakenMeanwhileIsNoticed() throws {
    let scratch = try Scratch()
    let first = try RunLock(folder: scratch.path)
    try FileManager.default.removeItem(atPath: scratch.file("LOCK"))
    #expect(throws: CheckpointError.self) { try first.verify() }
    let second = try RunLock(folder: scratch.path)
    let error = #expect(throws: CheckpointError.self) { try first.verify() }
    #expect(error?.code == .locked)
    try second.verify()
  }

  @Test func rubbishInTheFileIsNoObstacle() throws {
    let scratch = try Scratch()
    for rubbish in ["", "x", "-5 host", "9223372036854775807 host", "\0\0"] {
      try write(Data(rubbish.utf8), scratch.file("LOCK"))
      let lock = try RunLock(folder: scratch.path)
      #expect(lock.token == 1)
      try lock.verify()
    }
  }

  @Test func aFolderRenamedAsideMeanwhileIsNotTheOneThatIsTaken() throws {
    let scratch = try Scratch()
    let (run, aside) = (scratch.file("run"), scratch.file("run.old-1"))
    var first: RunLock? = try RunLock(folder: run)
    try first?.verify()
    // Between the opening of the file and its lock, its holder renames the folder aside and ends.
    let second = try RunLock(folder: run) {
      guard first != nil else { return }
      #expect(rename(run, aside) == 0)
      first = nil
    }
    try second.verify()
    #expect(second.token == 1 && first == nil)
    #expect(throws: CheckpointError.self) { _ = try RunLock(folder: run) }
  }

  @Test func theWayToTheFolderMayBeALink() throws {
    let scratch = try Scratch()
    #expect(mkdir(scratch.file("real"), 0o755) == 0)
    #expect(symlink(scratch.file("real"), scratch.file("run")) == 0)
    let lock = try RunLock(folder: scratch.file("run"))
    try lock.verify()
    #expect(Scratch.names(scratch.file("real")) == ["LOCK"])
  }

  /// Two start together: the one that is late by a moment may find the file before its line is in it.
  @Test func aHolderThatHasNotWrittenItsNameYetIsWaitedFor() throws {
    let scratch = try Scratch()
    let descriptor = open(scratch.file("LOCK"), O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    defer { close(descriptor) }
    #expect(flock(descriptor, LOCK_EX | LOCK_NB) == 0)
    let line = Array("1 host far process 17 nonce 0\n".utf8)
    let writer = Thread {
      usleep(100_000)
      _ = pwrite(descriptor, line, line.count, 0)
    }
    writer.start()
    let error = #expect(throws: CheckpointError.self) { _ = try RunLock(folder: scratch.path) }
    #expect(error?.message.contains("(host far process 17)") == true)
  }
}
