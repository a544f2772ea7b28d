import Foundation
import TestSupport
import Testing

extension LearningTests {
  /// Checkpoints as a run writes them, and the command that looks after them.
  @Suite(.serialized) struct CheckpointTests {
    /// Two epochs of 9 steps with a checkpoint at 7 and 14.
    static let settings = ["checkpoint={everySteps: 7, keep: 5}", "evaluate.everyEpochs=5"]

    private func arguments(_ run: Run, ranks: Int = 2, set: [String] = settings) throws -> [String]
    {
      try Aimass.trainArguments(Shelf.glyphs.get(), ranks: ranks, output: run.path, set: set)
    }

    @Test func trainingGoesOnWhileACheckpointIsWritten() throws {
      try withTemporaryFolder { folder in
        let run = Run(path: folder.file("run"))
        // One rank's disk takes two seconds, and the first to see the checkpoint dies at once.
        let result = try Aimass.run(
          fault: "shardWritten:1:sleep=2:1,checkpointCommitted:1:kill:0",
          arguments(
            run, set: ["checkpoint={everySteps: 7}", "train.epochs=2000", "evaluate.everyEpochs=5"])
        )
        #expect(result.status == 70, "\(result)")
        #expect(run.checkpoints == ["step-00000007"])
        // Steps were done meanwhile, up to the next checkpoint, which waits for the first.
        #expect(run.steps == Array(1...14), "\(run.steps)")
        // What was written is the state after step 7, not what it has become since.
        let short = Run(path: folder.file("short"))
        let seven = try Aimass.train(
          Shelf.glyphs.get(), output: short.path,
          set: ["train=null", "train={steps: 7}", "evaluate.everyEpochs=5"])
        #expect(seven.status == 0, "\(seven)")
        let shown = try Aimass.run(["inspect", run.path + "/checkpoints/step-00000007"])
        #expect(shown.lines(with: "parameters digest " + short.digest).count == 1, "\(shown)")
        let difference = try Aimass.run(["checkpoint", "diff", "\(run.path)@7", short.path + "@7"])
        #expect(difference.status == 0 && difference.output.isEmpty, "\(difference)")
      }
    }

    @Test func aCheckpointThatKillsEveryStartIsPassedOver() throws {
      try withTemporaryFolder { folder in
        let (run, straight) = (Run(path: folder.file("run")), Run(path: folder.file("straight")))
        let settings = [
          "checkpoint={everySteps: 7, keep: 2}", "evaluate.everyEpochs=5", "train.epochs=4",
        ]
        let whole = try Aimass.run(arguments(straight, set: settings))
        #expect(whole.status == 0, "\(whole)")
        // The fourth waits for the third, so that those of steps 14 and 21 are what is there.
        let first = try Aimass.run(
          fault: "checkpointStaged:4:kill:1", arguments(run, set: settings))
        #expect(first.status == 70, "\(first)")
        #expect(run.checkpoints == ["step-00000014", "step-00000021"])
        // Two starts from each of the two checkpoints die, then nothing is left to try.
        for start in 0..<5 {
          let result = try Aimass.run(
            fault: "checkpointLoaded:1:kill:0", arguments(run, set: settings))
          #expect(result.status == (start < 4 ? 70 : 65), "\(start): \(result)")
          #expect(result.lines(with: "died at once").isEmpty == (start < 2), "\(start): \(result)")
        }
        try FileManager.default.removeItem(atPath: run.path + "/checkpoints/attempts.json")
        let last = try Aimass.run(arguments(run, set: settings))
        #expect(last.status == 0 && !last.lines(with: "resuming after step 21").isEmpty, "\(last)")
        #expect(run.digest == straight.digest && run.checkpoints == straight.checkpoints)
        // The starts from step 14 had cut the log there; what it then lacks is told.
        #expect(last.lines(with: "the lines between are lost").count == 1, "\(last)")
        #expect(run.steps == Array(1...14) + Array(22...36))
      }
    }

    @Test func whatWasPassedOverAndIsWrittenAnewIsGoneOnFrom() throws {
      try withTemporaryFolder { folder in
        let (run, straight) = (Run(path: folder.file("run")), Run(path: folder.file("straight")))
        let settings = [
          "checkpoint={everySteps: 7, keep: 2}", "evaluate.everyEpochs=5", "train.epochs=4",
        ]
        #expect(try Aimass.run(arguments(straight, set: settings)).status == 0)
        // Dead with steps 14 and 21 saved; then twice from 21; then from 14, with 21 saved again.
        for fault in [
          "checkpointStaged:4:kill:1", "checkpointLoaded:1:kill:0", "checkpointLoaded:1:kill:0",
          "checkpointStaged:2:kill:1",
        ] {
          let result = try Aimass.run(fault: fault, arguments(run, set: settings))
          #expect(result.status == 70, "\(fault): \(result)")
          #expect(run.checkpoints == ["step-00000014", "step-00000021"])
        }
        let last = try Aimass.run(arguments(run, set: settings))
        #expect(last.status == 0 && last.lines(with: "died at once").isEmpty, "\(last)")
        #expect(!last.lines(with: "resuming after step 21").isEmpty, "\(last)")
        #expect(run.digest == straight.digest && run.checkpoints == straight.checkpoints)
        let names = try FileManager.default.contentsOfDirectory(atPath: run.path + "/checkpoints")
        #expect(!names.contains("attempts.json"))
      }
    }

    @Test(arguments: [
      "checkpointStaged:2:kill:1", "shardWritten:2:kill:1", "manifestWritten:2:kill:0",
      "checkpointRenamed:2:kill:0", "checkpointHidden:1:kill:0",
    ])
    func aKillInTheMiddleOfSavingLosesNothing(fault: String) throws {
      try withTemporaryFolder { folder in
        let (run, straight) = (Run(path: folder.file("run")), Run(path: folder.file("straight")))
        let settings = ["checkpoint={everySteps: 4, keep: 2}", "evaluate.everyEpochs=5"]
        let whole = try Aimass.run(arguments(straight, set: settings))
        #expect(whole.status == 0, "\(whole)")
        let killed = try Aimass.run(fault: fault, arguments(run, set: settings))
        #expect(killed.status == 70, "\(killed)")
        let resumed = try Aimass.run(arguments(run, ranks: 3, set: settings))
        #expect(resumed.status == 0, "\(resumed)")
        #expect(resumed.lines(with: "resuming after step").count == 1, "\(resumed)")
        #expect(run.digest == straight.digest && run.history == straight.history)
        let names = try FileManager.default.contentsOfDirectory(atPath: run.path + "/checkpoints")
        #expect(names.sorted() == straight.checkpoints, "litter stayed")
      }
    }

    @Test func theClockMayDecideWhenCheckpointsAreWritten() throws {
      try withTemporaryFolder { folder in
        let (run, straight) = (Run(path: folder.file("run")), Run(path: folder.file("straight")))
        let whole = try Aimass.run(arguments(straight))
        #expect(whole.status == 0, "\(whole)")
        // Every step is late, so a checkpoint begins as soon as the last one is safe.
        let timed = try Aimass.run(
          arguments(
            run, set: ["checkpoint={everySeconds: 1.0e-6, keep: 99}", "evaluate.everyEpochs=5"]))
        #expect(timed.status == 0, "\(timed)")
        #expect(run.checkpoints.count > 1 && run.checkpoints.last == "step-00000018")
        #expect(run.digest == straight.digest)
        let verified = try Aimass.run(["checkpoint", "verify", run.path])
        #expect(verified.status == 0, "\(verified)")
        #expect(verified.lines(with: "whole").count == run.checkpoints.count, "\(verified)")
      }
    }

    @Test func theCommandListsComparesExportsAndPins() throws {
      try withTemporaryFolder { folder in
        let run = Run(path: folder.file("run"))
        let trained = try Aimass.run(arguments(run))
        #expect(trained.status == 0, "\(trained)")
        let listed = try Aimass.run(["checkpoint", "list", run.path])
        #expect(listed.lines(with: "KiB").count == 3 && listed.lines(with: "best").count == 1)
        let differing = try Aimass.run(
          ["checkpoint", "diff", "\(run.path)@7", run.path + "/checkpoints/step-00000014"])
        #expect(differing.status == 1, "\(differing)")
        #expect(differing.output.contains("step: 7, 14\n"), "\(differing)")
        #expect(
          differing.lines(with: "first modalities.image.0.weight[0]: ").count == 3, "\(differing)")
        let file = folder.file("weights.safetensors")
        let exported = try Aimass.run(["checkpoint", "export", "\(run.path)@last", "-o", file])
        #expect(exported.status == 0, "\(exported)")
        let shown = try Aimass.run(["inspect", file])
        #expect(shown.lines(with: "heads.digit.3.weight").count == 1, "\(shown)")
        for word in ["pin", "unpin"] {
          let result = try Aimass.run(["checkpoint", word, "\(run.path)@7"])
          #expect(result.status == 0, "\(result)")
          let after = try Aimass.run(["checkpoint", "list", run.path])
          #expect(after.lines(with: "pinned").count == (word == "pin" ? 1 : 0), "\(after)")
        }
      }
    }

    @Test func theCommandNamesWhatIsWrong() throws {
      try withTemporaryFolder { folder in
        let run = Run(path: folder.file("run"))
        expectRefusal(try Aimass.run(["checkpoint", "list", run.path]), 66, ["neither"])
        let trained = try Aimass.run(arguments(run))
        #expect(trained.status == 0, "\(trained)")
        let missing = try Aimass.run(["checkpoint", "verify", "\(run.path)@8"])
        #expect(missing.status == 66, "\(missing)")
        #expect(missing.lines(with: "no checkpoint of step 8").count == 1, "\(missing)")
        let shard = run.path + "/checkpoints/step-00000014/shard-00001-of-00002.safetensors"
        var bytes = try #require(FileManager.default.contents(atPath: shard))
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: URL(fileURLWithPath: shard))
        let verified = try Aimass.run(["checkpoint", "verify", run.path])
        #expect(verified.status == 65, "\(verified)")
        #expect(verified.lines(with: "whole").count == 2, "\(verified)")
        #expect(verified.lines(with: "shard-00001-of-00002").count == 1, "\(verified)")
        // Looking changes nothing.
        #expect(run.checkpoints.count == 3)
        expectRefusal(
          try Aimass.run(["checkpoint", "export", "\(run.path)@14", "-o", folder.file("x")]), 65,
          ["shard-00001-of-00002", "SHA-256"])
        #expect(!FileManager.default.fileExists(atPath: folder.file("x")))
      }
    }
  }
}
