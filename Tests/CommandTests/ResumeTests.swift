import Foundation
import TestSupport
import Testing

extension JobTests {
  /// A run that was stopped and resumed is, to the last bit, the run that was not.
  @Suite(.serialized) struct ResumeTests {
    /// Long enough to be met in the middle; everything that carries state from step to step.
    static let settings = [
      "train.epochs=\(epochs)", "train.ema=0.9", "checkpoint={everySteps: 7, keep: 2}",
      "schedule={plateau: {metric: loss, factor: 0.5, patience: 1}}",
      "evaluate.earlyStop={metric: loss, patience: 100}",
      "optimizer={adamW: {learningRate: 0.01}}",
    ]

    static let epochs = 12
    static let steps = epochs * Shelf.stepsPerEpoch

    @Test(arguments: [Interruption.Kind.save, .kill], [(2, 3), (4, 1)])
    func anInterruptedRunGoesOnExactly(kind: Interruption.Kind, ranks: (Int, Int)) throws {
      try withTemporaryFolder { folder in
        let configuration = try Shelf.glyphs.get()
        let straight = Run(path: folder.file("straight"))
        let whole = try Aimass.train(configuration, output: straight.path, set: Self.settings)
        #expect(whole.status == 0, "\(whole)")
        let broken = Run(path: folder.file("broken"))
        let stopped = try Interruption.run(
          kind, after: 40, of: broken.path,
          Aimass.trainArguments(
            configuration, ranks: ranks.0, output: broken.path, set: Self.settings))
        #expect(stopped.status == (kind == .save ? 75 : 70), "\(stopped)")
        if kind != .save {
          #expect(stopped.errors.contains("was ended by signal 9 (Killed)"), "\(stopped)")
        }
        #expect(broken.summary == nil && (broken.steps.last ?? 0) < Self.steps, "\(stopped)")
        if kind == .save { #expect(!stopped.lines(with: "run the same command again").isEmpty) }
        let resumed = try Aimass.train(
          configuration, ranks: ranks.1, output: broken.path, set: Self.settings)
        #expect(resumed.status == 0, "\(resumed)")
        #expect(resumed.lines(with: "resuming after step").count == 1, "\(resumed)")
        #expect(broken.digest == straight.digest)
        #expect(broken.steps == Array(1...Self.steps))
        #expect(broken.evaluations == (1...Self.epochs).map { $0 * Shelf.stepsPerEpoch })
        #expect(broken.history == straight.history)
        #expect(broken.metrics == straight.metrics && !straight.metrics.isEmpty)
      }
    }

    @Test func aRunThatStopsEarlyDoesSoAtTheSameStepWhenResumed() throws {
      try withTemporaryFolder { folder in
        // A learning rate this small never improves the loss by 0.5, so patience alone decides.
        let settings = [
          "train.epochs=60", "optimizer.adam.learningRate=1.0e-6",
          "evaluate.earlyStop={metric: loss, patience: 20, minimumChange: 0.5}",
        ]
        let configuration = try Shelf.glyphs.get()
        let straight = Run(path: folder.file("straight"))
        let whole = try Aimass.train(configuration, output: straight.path, set: settings)
        #expect(whole.status == 0, "\(whole)")
        #expect(straight.summary?["stoppedEarly"] as? Bool == true)
        #expect(straight.steps.last == 21 * Shelf.stepsPerEpoch)
        let broken = Run(path: folder.file("broken"))
        let stopped = try Interruption.run(
          .save, after: 50, of: broken.path,
          Aimass.trainArguments(configuration, ranks: 2, output: broken.path, set: settings))
        #expect(stopped.status == 75, "\(stopped)")
        let resumed = try Aimass.train(configuration, output: broken.path, set: settings)
        #expect(resumed.status == 0, "\(resumed)")
        #expect(broken.digest == straight.digest && broken.history == straight.history)
      }
    }

    @Test func aFinishedRunGoesOnWhenMoreEpochsAreAskedFor() throws {
      try withTemporaryFolder { folder in
        let configuration = try Shelf.glyphs.get()
        let (long, grown) = (Run(path: folder.file("long")), Run(path: folder.file("grown")))
        for (run, epochs) in [(long, 3), (grown, 1), (grown, 3)] {
          let result = try Aimass.train(
            configuration, output: run.path, set: ["train.epochs=\(epochs)"])
          #expect(result.status == 0, "\(result)")
        }
        #expect(grown.digest == long.digest && grown.history == long.history)
        #expect(grown.steps == Array(1...3 * Shelf.stepsPerEpoch))
      }
    }

    @Test func aRunKilledBeforeItsSummaryGetsTheSameOne() throws {
      try withTemporaryFolder { folder in
        let run = Run(path: folder.file("run"))
        let first = try Aimass.train(Shelf.glyphs.get(), output: run.path)
        #expect(first.status == 0, "\(first)")
        let (digest, metrics, history) = (run.digest, run.metrics, run.history)
        try FileManager.default.removeItem(atPath: run.path + "/summary.json")
        // A report that cannot be written does not spoil the run.
        try FileManager.default.removeItem(atPath: run.path + "/report.html")
        try FileManager.default.createDirectory(
          atPath: run.path + "/report.html/taken", withIntermediateDirectories: true)
        let second = try Aimass.train(Shelf.glyphs.get(), output: run.path)
        #expect(second.status == 0, "\(second)")
        #expect(second.lines(with: "`aimass report").count == 1, "\(second)")
        #expect(run.digest == digest && run.metrics == metrics && run.history == history)
        #expect(!metrics.isEmpty)
      }
    }

    @Test func aDamagedCheckpointIsPassedOver() throws {
      try withTemporaryFolder { folder in
        let configuration = try Shelf.glyphs.get()
        let settings = ["checkpoint={everySteps: 4, keep: 3}", "train.epochs=2"]
        let run = Run(path: folder.file("run"))
        let whole = try Aimass.train(configuration, output: run.path, set: settings)
        #expect(whole.status == 0, "\(whole)")
        let (digest, history) = (run.digest, run.history)
        try FileManager.default.removeItem(atPath: run.path + "/summary.json")
        let newest = try #require(run.checkpoints.last)
        try flipBit(inShardOf: run.path + "/checkpoints/" + newest)
        let resumed = try Aimass.train(configuration, ranks: 2, output: run.path, set: settings)
        #expect(resumed.status == 0, "\(resumed)")
        #expect(resumed.lines(with: "passed over a checkpoint").count == 1, "\(resumed)")
        #expect(resumed.lines(with: newest).count == 1, "\(resumed)")
        #expect(run.digest == digest && run.history == history)
      }
    }

    private func flipBit(inShardOf checkpoint: String) throws {
      let names = try FileManager.default.contentsOfDirectory(atPath: checkpoint)
      let shard = try #require(names.first { $0.hasSuffix(".safetensors") })
      let path = checkpoint + "/" + shard
      var bytes = try #require(FileManager.default.contents(atPath: path))
      bytes[bytes.count - 9] ^= 0x10
      try bytes.write(to: URL(fileURLWithPath: path))
    }
  }
}
