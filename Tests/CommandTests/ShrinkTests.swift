import Foundation
import TestSupport
import Testing

extension LearningTests {
  /// Trained runs of which whole units are removed.
  @Suite(.serialized) struct ShrinkTests {
    /// A trained run over pictures and tables, with everything that must be cut to size.
    private static let trained: Result<Run, any Error> = Result {
      let run = Run(path: try Shelf.file("to-shrink"))
      let result = try Aimass.train(
        Shelf.glyphs.get(), ranks: 2, output: run.path,
        set: ["train.ema=0.9", "optimizer={adamW: {learningRate: 0.005}}"])
      try #require(result.status == 0, "\(result)")
      return run
    }

    private func shrink(
      _ run: Run, to output: String? = nil, ranks: Int = 1, _ more: [String]
    ) throws -> ProcessResult {
      try Aimass.run(
        ranks: ranks, ["shrink", run.path] + (output.map { ["-o", $0] } ?? []) + more)
    }

    private func configuration(_ run: Run) throws -> String {
      try String(contentsOfFile: run.path + "/config.yaml", encoding: .utf8)
    }

    @Test(arguments: ["l2", "taylor", "scale"])
    func bitsDoNotDependOnTheRanks(score: String) throws {
      try withTemporaryFolder { folder in
        let trained = try Self.trained.get()
        var first: (run: Run, configuration: String)?
        for ranks in [1, 2, 3, 4] {
          let run = Run(path: folder.file("on-\(ranks)"))
          let result = try shrink(
            trained, to: run.path, ranks: ranks,
            ["--score", score, "--rounds", "2", "--fine-tune", "9"])
          #expect(result.status == 0 && result.leftovers.isEmpty, "\(result)")
          let text = try configuration(run)
          if let first {
            #expect(run.digest == first.run.digest && run.history == first.run.history)
            #expect(text.replacingOccurrences(of: run.path, with: "") == first.configuration)
          } else {
            first = (run, text)
          }
        }
        // What went in the first round is a run of its own.
        let between = Run(path: try #require(first).run.path + ".round-1")
        #expect(between.summary?["steps"] as? Int == 9 && between.digest != first?.run.digest)
      }
    }

    @Test func theResultIsAnOrdinaryRun() throws {
      try withTemporaryFolder { folder in
        let trained = try Self.trained.get()
        var digests: Set<String> = []
        for ranks in [1, 3] {
          let run = Run(path: folder.file("on-\(ranks)"))
          let result = try shrink(
            trained, to: run.path, ranks: ranks, ["--scope", "layer", "--set", "train.epochs=1"])
          #expect(result.status == 0, "\(result)")
          // Half of each layer: 4 filters, 8 and 160 neurons.
          let text = try configuration(run)
          for size in ["out: 2,", "out: 4,", "out: 80,", "name: glyphs-shrunk"] {
            #expect(text.contains(size), "\(size) in \(text)")
          }
          #expect(run.checkpoints == ["step-00000000"] && run.summary == nil)
          let measured = try Aimass.run(["evaluate", run.path, "--split", "validation", "--json"])
          #expect(measured.status == 0, "\(measured)")
          // It trains on, from the weights, the moments and the average that it was left.
          let again = try Aimass.train(run.path + "/config.yaml", ranks: ranks, output: run.path)
          #expect(again.status == 0 && run.steps == Array(1...9), "\(again)")
          digests.insert(run.digest)
        }
        #expect(digests.count == 1)
      }
    }

    @Test func aFolderKeepsTheWeightsItBeganWith() throws {
      try withTemporaryFolder { folder in
        let trained = try Self.trained.get()
        let run = Run(path: folder.file("smaller"))
        func again(_ score: String) throws -> ProcessResult {
          try shrink(
            trained, to: run.path, ["--scope", "layer", "--remove", "0.5", "--score", score])
        }
        for _ in 0..<2 {
          let result = try again("l2")
          #expect(result.status == 0, "\(result)")
        }
        let before = snapshot(run.path)
        let other = try again("taylor")
        #expect(other.status == 73 && other.errors.contains("began with other weights"), "\(other)")
        #expect(snapshot(run.path) == before)
      }
    }

    @Test func withoutAFolderNothingIsWritten() throws {
      let trained = try Self.trained.get()
      let before = snapshot(trained.path)
      let result = try shrink(trained, ["--units", "filters", "--remove", "0.25"])
      #expect(result.status == 0, "\(result)")
      #expect(result.output.contains("1 of 4 groups removed"), "\(result)")
      #expect(result.output.contains("modalities.image.0.out"), "\(result)")
      #expect(snapshot(trained.path) == before)
    }

    @Test func whatTheLossDoesNotBearIsPutBack() throws {
      try withTemporaryFolder { folder in
        let trained = try Self.trained.get()
        let kinds = ["--units", "filters,neurons", "--remove", "0.1"]
        let all = try shrink(trained, kinds)
        let borne = try shrink(trained, kinds + ["--tolerance", "1000"])
        #expect(borne.status == 0 && borne.output == all.output, "\(borne)")
        let result = try shrink(
          trained, to: folder.file("run"), ranks: 2,
          ["--units", "filters", "--remove", "0.9", "--tolerance", "0"])
        #expect(result.status == 0 && result.output.contains("put back"), "\(result)")
        let line = try #require(
          result.output.split(separator: "\n").first { $0.contains("validation loss") })
        let losses = line.split(separator: " ").compactMap { Double($0) }
        #expect(losses.count == 2 && losses[1] <= losses[0], "\(line)")
      }
    }

    @Test(arguments: [
      (["--remove", "1.5"], 64, "--remove expected a share above 0 and below 1, found 1.5"),
      (["--units", "heads"], 64, "has none of heads that can be removed"),
      (["--remove", "0.9", "--keep-at-least", "0.5"], 64, "remove less, or lower --keep-at-least"),
      (["--remove", "0.001", "--units", "filters"], 64, "is none; remove more"),
      (["--rounds", "3"], 64, "expected training between rounds"),
      (["--tolerance=-1"], 64, "--tolerance expected a share of at least 0"),
      (["--checkpoint", "7"], 66, "there is no checkpoint of step 7"),
      (["--units", "wheels"], 64, "wheels"),
    ])
    func whatCannotBeIsTold(options: [String], status: Int32, sentence: String) throws {
      try withTemporaryFolder { folder in
        let result = try shrink(
          Self.trained.get(), to: folder.file("run"), ranks: 2, options.map { $0 })
        #expect(result.status == status, "\(result)")
        #expect(result.errors.contains(sentence), "\(result)")
        #expect(!FileManager.default.fileExists(atPath: folder.file("run")))
      }
    }

    @Test func masksAreNotCut() throws {
      try withTemporaryFolder { folder in
        let run = Run(path: folder.file("pruned"))
        let trained = try Aimass.train(
          Shelf.glyphs.get(), output: run.path,
          set: ["train.epochs=1", "pruning.schedule={oneShot: {sparsity: 0.5, at: 3}}"])
        #expect(trained.status == 0, "\(trained)")
        let result = try shrink(run, to: folder.file("small"), [])
        #expect(result.status == 78 && result.errors.contains("prunes single weights"), "\(result)")
      }
    }
  }
}
