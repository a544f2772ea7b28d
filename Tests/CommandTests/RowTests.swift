import TestSupport
import Testing

extension LearningTests {
  /// Embeddings of which a step moves only the rows it touches.
  @Suite(.serialized) struct RowTests {
    /// Two modalities of which training loses some, so that steps touch some of ten rows.
    static let settings = [
      "batch={global: 12, micro: 2}", "train={steps: 20, ema: 0.9}", "missing={drop: {word: 0.4}}",
      "modalities.word.encoder=[{embedding: {vocabulary: 5000, size: 24, rows: lazy}}]",
      "modalities.image.encoder=[flatten, {linear: {out: 30}}, relu]",
    ]

    private func train(
      _ run: Run, ranks: Int = 1, set: [String] = []
    ) throws {
      let result = try Aimass.train(
        Shelf.wide.get(), ranks: ranks, output: run.path, set: Self.settings + set)
      #expect(result.status == 0 && result.leftovers.isEmpty, "\(result)")
      #expect(run.digest.count == 64, "\(run.digest)")
    }

    @Test(arguments: [[], ["train.clipNorm=0.05"]])
    func anyNumberOfRanksGivesTheSameBits(set: [String]) throws {
      try withTemporaryFolder { folder in
        let alone = Run(path: folder.file("alone"))
        try train(alone, set: set)
        for ranks in 2...4 {
          for copies in ranks == 3 ? ["node", "rank"] : ["node"] {
            let run = Run(path: folder.file("on-\(ranks)-\(copies)"))
            try train(run, ranks: ranks, set: set + ["exchange.copies=\(copies)"])
            #expect(run.digest == alone.digest, "\(ranks) ranks, a copy for each \(copies)")
            #expect(run.history == alone.history, "\(ranks) ranks, a copy for each \(copies)")
          }
        }
      }
    }

    @Test func rowsDecideTheBitsAndAResumedRunGoesOnExactly() throws {
      try withTemporaryFolder { folder in
        let straight = Run(path: folder.file("straight"))
        try train(straight)
        let dense = Run(path: folder.file("dense"))
        try train(
          dense,
          set: ["modalities.word.encoder=[{embedding: {vocabulary: 5000, size: 24, rows: dense}}]"])
        #expect(dense.digest != straight.digest)
        let broken = Run(path: folder.file("broken"))
        try train(broken, ranks: 2, set: ["train.steps=9"])
        try train(broken, ranks: 3)
        #expect(broken.digest == straight.digest)
      }
    }
  }
}
