import Foundation
import TestSupport
import Testing

extension LearningTests {
  /// Embeddings of which every row lies on one rank.
  @Suite(.serialized) struct ShardTests {
    /// ``RowTests/settings`` with a table that no rank sees whole, several row groups of it touched.
    static let settings =
      RowTests.settings.filter { !$0.contains("ema") } + [
        "train={steps: 20}", "evaluate={everySteps: 10, metrics: [accuracy]}",
        "modalities.word.encoder=\(encoder("shard: true"))",
      ]

    static func encoder(_ rows: String) -> String {
      "[{embedding: {vocabulary: 5000, size: 24, \(rows)}}]"
    }

    private func train(_ run: Run, ranks: Int = 1, set: [String] = []) throws {
      let result = try Aimass.train(
        Shelf.wide.get(), ranks: ranks, output: run.path, set: Self.settings + set)
      #expect(result.status == 0 && result.leftovers.isEmpty, "\(result)")
      #expect(run.digest.count == 64, "\(run.digest)")
    }

    /// All but the running estimate of noise, whose sums a sharded table takes row by row.
    private func history(_ run: Run) -> [String] {
      run.history.map { $0.replacing(#/noiseScale=\S+ ?/#, with: "") }
    }

    @Test(arguments: [
      ["optimizer={adam: {learningRate: 0.01, weightDecay: 0.01}}"],
      ["optimizer={adamW: {learningRate: 0.01}}", "train.clipNorm=0.05"],
      ["optimizer={sgd: {learningRate: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.01}}"],
      ["optimizer={sgd: {learningRate: 0.1}}", "train.nonFinite=skip"],
    ])
    func theBitsAreThoseOfATableThatNodesHold(set: [String]) throws {
      try withTemporaryFolder { folder in
        let whole = Run(path: folder.file("whole"))
        try train(
          whole, set: set + ["modalities.word.encoder=\(Self.encoder("rows: lazy"))"])
        for ranks in 1...4 {
          for copies in ranks == 3 ? ["node", "rank"] : ["node"] {
            let run = Run(path: folder.file("on-\(ranks)-\(copies)"))
            try train(run, ranks: ranks, set: set + ["exchange.copies=\(copies)"])
            #expect(run.digest == whole.digest, "\(ranks) ranks, a copy for each \(copies)")
            #expect(history(run) == history(whole), "\(ranks) ranks, a copy for each \(copies)")
          }
        }
      }
    }

    @Test func aRunGoesOnExactlyOnAnotherNumberOfRanks() throws {
      try withTemporaryFolder { folder in
        let straight = Run(path: folder.file("straight"))
        try train(straight)
        let broken = Run(path: folder.file("broken"))
        try train(broken, ranks: 3, set: ["train.steps=7"])
        try train(broken, ranks: 2, set: ["train.steps=13"])
        try train(broken, ranks: 4)
        #expect(broken.digest == straight.digest)
      }
    }

    @Test func evaluationAndPredictionAreEqualOnAnyNumberOfRanks() throws {
      try withTemporaryFolder { folder in
        let whole = Run(path: folder.file("whole"))
        try train(whole, set: ["modalities.word.encoder=\(Self.encoder("rows: lazy"))"])
        let run = Run(path: folder.file("run"))
        try train(run, ranks: 2)
        var found: Set<String> = []
        var predictions: Set<Data?> = []
        for (path, ranks) in [(whole.path, 1), (run.path, 1), (run.path, 2), (run.path, 3)] {
          let judged = try Aimass.run(ranks: ranks, ["evaluate", path, "--json"])
          #expect(judged.status == 0 && judged.leftovers.isEmpty, "\(judged)")
          found.insert(judged.output)
          let file = folder.file("\(ranks)-\(predictions.count).csv")
          let written = try Aimass.run(ranks: ranks, ["predict", path, "-o", file])
          #expect(written.status == 0, "\(written)")
          predictions.insert(FileManager.default.contents(atPath: file))
        }
        #expect(found.count == 1 && predictions.count == 1 && !predictions.contains(nil))
      }
    }

    @Test func aPlanCountsAShareOfTheRows() throws {
      let encoder = "[{embedding: {vocabulary: 500000, size: 24, shard: true}}]"
      let plan = try Aimass.run(
        ["plan", try Shelf.wide.get(), "--ranks", "4"]
          + (Self.settings + ["modalities.word.encoder=\(encoder)"]).flatMap { ["--set", $0] })
      #expect(plan.status == 0, "\(plan)")
      // 48 MB of rows with two states of adamW, a quarter of it.
      #expect(plan.lines(with: "sharded rows and their state").count == 1, "\(plan)")
      #expect(plan.output.contains("34.3 MiB"), "\(plan)")
      #expect(plan.lines(with: "gradients per rank").contains { $0.contains("KiB") }, "\(plan)")
    }

    @Test(arguments: ["saliency", "movement"])
    func scoresOfEveryParameterAreRefused(criterion: String) throws {
      try withTemporaryFolder { folder in
        let result = try Aimass.train(
          Shelf.wide.get(), output: folder.file("run"),
          set: Self.settings + [
            "pruning={schedule: {oneShot: {sparsity: 0.5, at: 4}}, criterion: \(criterion)}"
          ])
        #expect(result.status == 78, "\(result)")
        #expect(
          result.errors.contains("pruning.criterion: \(criterion) keeps a score"), "\(result)")
      }
    }

    @Test func whatNeedsAllRowsIsRefused() throws {
      try withTemporaryFolder { folder in
        let group = "modalities.image.encoder=[flatten, {linear: 8}, {batchNorm: {sync: 2}}]"
        let result = try Aimass.train(
          Shelf.wide.get(), output: folder.file("run"), set: Self.settings + [group])
        #expect(result.status == 78, "\(result)")
        #expect(result.errors.contains("beside an embedding with shard: true"), "\(result)")
      }
    }
  }
}
