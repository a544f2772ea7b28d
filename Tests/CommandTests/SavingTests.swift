import Foundation
import TestSupport
import Testing

extension JobTests {
  /// What a run does where a disk is full or slow, and where its folder lies behind a link.
  @Suite(.serialized) struct SavingTests {
    /// Lets calls of the first rank on its checkpoints fail.
    private static func faults(_ plan: String) -> [String: String] {
      [
        "LD_PRELOAD": Products.folder + "/libaimass-faults.so", "AIMASS_FAULTS": plan,
        "AIMASS_FAULTS_PATH": "/checkpoints", "AIMASS_FAULTS_RANK": "0",
      ]
    }

    /// A run that is best in the middle, and saves only what is best, and the last.
    private static let overfitting = [
      "train={steps: 400}", "optimizer={adam: {learningRate: 0.03}}",
      "evaluate={everySteps: 20, metrics: [accuracy]}", "checkpoint={everySteps: 1000}",
    ]

    @Test func theBestIsOneThatExists() throws {
      try withTemporaryFolder { folder in
        let straight = Run(path: folder.file("straight"))
        let whole = try Aimass.train(
          Shelf.glyphs.get(), ranks: 2, output: straight.path, set: Self.overfitting)
        let best = whole.lines(with: "(best so far)").compactMap {
          Int($0.split(separator: ":")[0].dropFirst(5))
        }
        try #require(best.count >= 2 && best.last != 400, "\(whole)")
        // The disk is full when the best of all is saved, as the call that asks for space tells.
        let run = Run(path: folder.file("run"))
        let result = try Aimass.train(
          Shelf.glyphs.get(), ranks: 2, output: run.path, set: Self.overfitting,
          environment: Self.faults("statvfs:\(best.count):ENOSPC"))
        #expect(result.status == 0, "\(result)")
        #expect(result.lines(with: "training goes on").count == 1, "\(result)")
        #expect(run.digest == straight.digest && run.history == straight.history)
        #expect(run.summary?["bestStep"] as? Int == best[best.count - 2], "\(best), \(result)")
        let verified = try Aimass.run(["checkpoint", "verify", run.path + "@best"])
        #expect(verified.status == 0, "\(verified)")
        let judged = try Aimass.run(["evaluate", run.path, "--json"])
        #expect(judged.status == 0, "\(judged)")
      }
    }

    @Test(.enabled(if: Python.has("numpy", "h5py"), "numpy or h5py is missing"))
    func aFactorizationGoesOnToo() throws {
      try withTemporaryFolder { folder in
        let configuration = try Interactions.configuration(
          "full", "{als: {user: user, item: item, value: rating, factors: 5, sweeps: 5}}")
        let straight = Run(path: folder.file("straight"))
        #expect(try Aimass.train(configuration, output: straight.path).status == 0)
        for (number, status) in [(1, 74), (3, 0), (5, 74)] {
          let run = Run(path: folder.file("run-\(number)"))
          let result = try Aimass.train(
            configuration, ranks: 2, output: run.path,
            environment: Self.faults("statvfs:\(number):ENOSPC"))
          #expect(result.status == status, "\(number): \(result)")
          #expect(result.lines(with: "No space left on device").count == 1, "\(result)")
          #expect(result.lines(with: "training goes on").count == (status == 0 ? 1 : 0))
          #expect(status != 0 || run.digest == straight.digest)
        }
      }
    }

    @Test(
      .enabled(
        if: (try? Products.faultProgram) != nil, "the program with fault points is not built"))
    func whoseDiskHangsIsNamedAndASlowOneIsWaitedFor() throws {
      try withTemporaryFolder { folder in
        let settings = [
          "checkpoint={everySteps: 3}", "evaluate.everyEpochs=5", "distributed.watchdogSeconds=1",
        ]
        for (action, status) in [("sleep=3", Int32(0)), ("hang", 80)] {
          let result = try Aimass.run(
            fault: "shardCreated:2:\(action):1",
            Aimass.trainArguments(
              Shelf.glyphs.get(), ranks: 3, output: folder.file(action), set: settings))
          #expect(result.status == status, "\(result)")
          let named = result.lines(with: "rank 1 on node").filter {
            $0.contains(#/is late: step \d+, checkpoint/#)
          }
          #expect(named.isEmpty == (status == 0), "\(result)")
        }
      }
    }

    @Test func aRunFolderAndItsCheckpointsMayBeLinks() throws {
      try withTemporaryFolder { folder in
        for name in ["run", "checkpoints"] {
          try FileManager.default.createDirectory(
            atPath: folder.file("real-\(name)"), withIntermediateDirectories: true)
        }
        let run = Run(path: folder.file("run"))
        #expect(symlink(folder.file("real-run"), run.path) == 0)
        #expect(symlink(folder.file("real-checkpoints"), run.path + "/checkpoints") == 0)
        for (epochs, words) in [(1, "step 9/9"), (2, "resuming after step 9")] {
          let result = try Aimass.train(
            Shelf.glyphs.get(), ranks: 2, output: run.path, set: ["train.epochs=\(epochs)"])
          #expect(result.status == 0 && !result.lines(with: words).isEmpty, "\(result)")
        }
        let names = try FileManager.default.contentsOfDirectory(
          atPath: folder.file("real-checkpoints"))
        #expect(names.sorted() == ["step-00000009", "step-00000018"])
        #expect(Run(path: folder.file("real-run")).steps == Array(1...18))
      }
    }

    @Test func aFileThatIsGoneIsDamage() throws {
      try withTemporaryFolder { folder in
        let run = Run(path: folder.file("run"))
        let made = try Aimass.train(
          Shelf.glyphs.get(), ranks: 2, output: run.path, set: ["train.epochs=1"])
        #expect(made.status == 0, "\(made)")
        let checkpoint = try run.path + "/checkpoints/" + #require(run.checkpoints.last)
        try FileManager.default.removeItem(
          atPath: checkpoint + "/shard-00001-of-00002.safetensors")
        for address in [run.path, run.path + "@9", checkpoint] {
          let result = try Aimass.run(["checkpoint", "verify", address])
          #expect(result.status == 65 && result.output.contains("does not exist"), "\(result)")
        }
        let absent = try Aimass.run(["checkpoint", "verify", run.path + "@8"])
        #expect(absent.status == 66, "\(absent)")
      }
    }

    @Test func dataAreNotReadByADamagedRecordOfTheirMeaning() throws {
      try withTemporaryFolder { folder in
        let run = Run(path: folder.file("run"))
        func train(_ epochs: Int) throws -> ProcessResult {
          try Aimass.train(Shelf.glyphs.get(), output: run.path, set: ["train.epochs=\(epochs)"])
        }
        #expect(try train(1).status == 0)
        let record = run.path + "/fields.json"
        let whole = FileManager.default.contents(atPath: record)
        try folder.write("{\"label\": ", to: "run/fields.json")
        let data = try Shelf.file("glyphs.h5")
        let refused = try Aimass.run(["evaluate", run.path, "--data", data])
        #expect(
          refused.status == 65 && refused.errors.contains("fields.json is damaged"), "\(refused)")
        // Its own data need no record, and a run that goes on writes it anew.
        #expect(try Aimass.run(["evaluate", run.path]).status == 0)
        #expect(try train(2).status == 0)
        #expect(FileManager.default.contents(atPath: record) == whole && whole != nil)
        #expect(try Aimass.run(["evaluate", run.path, "--data", data]).status == 0)
      }
    }
  }
}
