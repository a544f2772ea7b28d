import TestSupport
import Testing

extension JobTests {
  /// The first promise: the same bits on any number of ranks.
  @Suite(.serialized) struct InvarianceTests {
    @Test func drawnDataGiveTheSameBitsOnAnyNumberOfRanks() throws {
      try expectSameBits(Shelf.glyphs.get(), ranks: [1, 2, 3, 4, 6, 8])
    }

    @Test(.enabled(if: DataFolder.has("mnist"), "needs mnist; set AIMASS_DATA"))
    func realDigitsGiveTheSameBitsOnAnyNumberOfRanks() throws {
      try expectSameBits(Shelf.mnist.get(), ranks: [1, 2, 3, 4, 6, 8])
    }

    /// Everything that adds numbers of its own to a step, at once.
    static let burdens = [
      "train.clipNorm=0.5", "train.ema=0.9", "train.epochs=1",
      "heads.digit.loss={crossEntropy: {labelSmoothing: 0.1, "
        + "classWeights: [1, 2, 1, 0.5, 1, 1, 3, 1, 1, 1]}}",
    ]

    @Test(arguments: [
      "{sgd: {learningRate: 0.05, momentum: 0.9, nesterov: true, weightDecay: 1.0e-3}}",
      "{adam: {learningRate: 0.002, weightDecay: 1.0e-3}}",
      "{adamW: {learningRate: 0.002, weightDecay: 0.05}}",
      "{lamb: {learningRate: 0.01, weightDecay: 0.01}}",
      "{lars: {learningRate: 0.5, momentum: 0.9, weightDecay: 1.0e-3}}",
    ])
    func everyOptimizerGivesTheSameBits(optimizer: String) throws {
      try expectSameBits(
        Shelf.glyphs.get(), ranks: [1, 3], set: ["optimizer=\(optimizer)"] + Self.burdens,
        steps: Shelf.stepsPerEpoch)
    }

    @Test(arguments: [2, 4]) func synchronisedBatchNormGivesTheSameBits(group: Int) throws {
      try expectSameBits(
        Shelf.synchronised(group).get(), ranks: [1, 2, 3, 4, 6, 8], steps: 2 * Shelf.stepsPerEpoch)
    }

    @Test func contrastOverTheBatchGivesTheSameBits() throws {
      try expectSameBits(
        Shelf.coupled.get(), ranks: [1, 2, 3, 4, 6, 8], steps: 2 * Shelf.stepsPerEpoch)
    }

    @Test func roundedProductsGiveTheSameBits() throws {
      try expectSameBits(
        Shelf.glyphs.get(), ranks: [1, 2, 3, 4],
        set: [
          "train.precision=bfloat16", "train.epochs=1",
          "modalities.image.encoder.3={conv: {out: 5, kernel: 3, padding: 1}}",
        ], steps: Shelf.stepsPerEpoch)
    }

    @Test func aProcessorWithoutDotProductsIsTold() throws {
      try withTemporaryFolder { folder in
        let result = try Aimass.train(
          Shelf.glyphs.get(), output: folder.file("run"),
          set: ["train.precision=bfloat16", "train.epochs=1"],
          environment: ["AIMASS_KERNELS": "baseline"])
        #expect(result.status == 0, "\(result)")
        #expect(result.lines(with: "has no dot products of bfloat16").count == 1, "\(result)")
      }
    }

    @Test func mixedSamplesGiveTheSameBits() throws {
      try expectSameBits(
        Shelf.glyphs.get(), ranks: [1, 2, 3, 4], set: ["mixup.alpha=0.3", "train.epochs=1"],
        steps: Shelf.stepsPerEpoch)
    }

    @Test func privateCopiesOfTheWeightsGiveTheSameBits() throws {
      try withTemporaryFolder { folder in
        let digests = try ["node", "rank"].map { copies in
          let run = Run(path: folder.file(copies))
          let result = try Aimass.train(
            Shelf.glyphs.get(), ranks: 3, output: run.path,
            set: ["exchange.copies=\(copies)", "train.epochs=1"])
          #expect(result.status == 0, "\(result)")
          return run.digest
        }
        #expect(digests[0] == digests[1] && digests[0].count == 64)
      }
    }

    /// Nothing but memory and time changes where layers are computed again.
    @Test func layersComputedAgainGiveTheSameBits() throws {
      try withTemporaryFolder { folder in
        let digests = try [("none", 1), ("{layers: 2}", 2)].map { recompute, ranks in
          let run = Run(path: folder.file("on-\(ranks)"))
          let result = try Aimass.train(
            Shelf.synchronised(2).get(), ranks: ranks, output: run.path,
            set: ["train.recompute=\(recompute)", "train.epochs=1"])
          #expect(result.status == 0, "\(result)")
          return run.digest
        }
        #expect(digests[0] == digests[1] && digests[0].count == 64)
      }
    }

    /// An error inside a step leaves messages in flight; the job must still end with what happened.
    @Test(arguments: ["node", "rank"], ["abort", "skip"])
    func anErrorInAStepKeepsItsNameAndCode(copies: String, rule: String) throws {
      try withTemporaryFolder { folder in
        let result = try Aimass.train(
          Shelf.glyphs.get(), ranks: 3, output: folder.file("run"),
          set: [
            "exchange.copies=\(copies)", "train.nonFinite=\(rule)",
            "optimizer={sgd: {learningRate: 1.0e+30}}", "train.epochs=40",
          ])
        #expect(result.status == 79, "\(result)")
        #expect(result.leftovers.isEmpty)
        #expect(result.errors.contains("NaN or infinity first in"), "\(result)")
        #expect(!result.errors.contains("Fatal error"), "\(result)")
      }
    }

    @Test func windowedOrderAndDroppedBatchesGiveTheSameBits() throws {
      try expectSameBits(
        Shelf.glyphs.get(), ranks: [1, 3], set: ["data.shuffle=window", "train.lastBatch=drop"],
        steps: 2 * (Shelf.stepsPerEpoch - 1))
    }

    @Test func theBitsDoDependOnWhatTheyShould() throws {
      try withTemporaryFolder { folder in
        let settings = [
          "seed=7", "seed=8", "batch.micro=10", "train.clipNorm=0.5", "train.precision=bfloat16",
        ]
        let digests = try settings.map { (setting: String) -> String in
          let output = folder.file(setting)
          let result = try Aimass.train(
            Shelf.glyphs.get(), output: output, set: [setting, "train.epochs=1"])
          #expect(result.status == 0, "\(result)")
          return Run(path: output).digest
        }
        #expect(Set(digests).count == digests.count, "\(digests)")
      }
    }
  }
}
