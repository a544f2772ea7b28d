import Foundation
import TestSupport
import Testing

extension JobTests {
  /// One run folder has one writer.
  @Suite(.serialized, .enabled(if: Python.has("numpy"), "python3 is missing"))
  struct LockTests {
    @Test func oneJobWritesAndATakenFolderIsLeft() throws {
      try withTemporaryFolder { folder in
        let result = try runProcess(
          "python3", [Checkout.folder + "/Tests/Soak/locks", "--seed", "3", "--count", "2"],
          environment: [
            "AIMASS": Aimass.program, "AIMASS_ROOT": Checkout.folder, "AIMASS_SCRATCH": folder.path,
          ], timeout: 100)
        #expect(result.status == 0, "\(result)")
        #expect(result.lines(with: "\"cases\": 1, \"failed\": 0").count == 2, "\(result)")
      }
    }

    @Test func whatIsLeftOfALockKeepsNobodyOutAndAHeldOneDoes() throws {
      let needed = Products.folder + "/libaimass-faults.so"
      try #require(FileManager.default.fileExists(atPath: needed))
      try withTemporaryFolder { folder in
        let result = try runProcess(
          "python3",
          [
            Checkout.folder + "/Tests/Soak/locks", "--test", "L2", "--seed", "3", "--count", "2",
          ],
          environment: [
            "AIMASS": Aimass.program, "AIMASS_ROOT": Checkout.folder, "AIMASS_SCRATCH": folder.path,
          ], timeout: 200)
        #expect(result.status == 0, "\(result)")
        #expect(result.lines(with: "\"cases\": 2, \"failed\": 0").count == 1, "\(result)")
      }
    }

    @Test func anotherRunsFolderIsNotTakenByTheOneThatWaits() throws {
      try withTemporaryFolder { folder in
        let run = folder.file("run")
        // What a start leaves that died before it wrote what the folder is.
        try FileManager.default.createDirectory(
          atPath: run + "/checkpoints", withIntermediateDirectories: true)
        try folder.write("", to: "run/LOCK")
        let result = try Aimass.train(
          Shelf.glyphs.get(), output: run, set: ["train={steps: 2}"])
        #expect(result.status == 0, "\(result)")
        #expect(Run(path: run).checkpoints.count == 1)
      }
    }
  }
}
