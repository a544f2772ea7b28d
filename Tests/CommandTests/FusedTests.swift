import TestSupport
import Testing

extension LearningTests {
  /// Fusion, modality dropout, learned substitutes and heads of one modality, as a whole.
  @Suite(.serialized) struct FusedTests {
    /// A gated fusion that loses modalities, with heads of one modality, classes weighed in one of them.
    private static let settings = [
      "train.epochs=1", "evaluate.metrics=[accuracy]", "evaluate.subsets=all",
      "modalities.image.encoder=[{conv: {out: 4, kernel: 3, stride: 2}}, batchNorm, relu, flatten, {linear: 8}]",
      "fusion={gated: 12}",
      "missing={drop: {image: 0.4, table: 0.3}, substitute: learned}",
      "heads.image={from: image, layers: [relu, {linear: 10}], loss: crossEntropy, target: label, weight: 0.3}",
      "heads.table={from: table, layers: [{linear: 10}], target: label, weight: 0.2, "
        + "loss: {crossEntropy: {classWeights: [1, 2, 1, 0.5, 1, 1, 3, 1, 1, 1]}}}",
    ]

    @Test func anyNumberOfRanksGivesTheSameBits() throws {
      let judged = try expectSameBits(
        Shelf.glyphs.get(), ranks: [1, 2, 3, 4, 6, 8], set: Self.settings,
        evaluating: ["--subsets"])
      #expect(judged.contains(#""subsets": [{"modalities": ["image"], "samples": 101"#))
      // Nobody has a table where only pictures take part.
      #expect(judged.contains(#""table": {"loss": null, "accuracy": null"#), "\(judged)")
    }

    /// With 3 samples a step whole steps lack a modality; all ranks go on together.
    @Test func wholeStepsMayLackAModality() throws {
      try withTemporaryFolder { folder in
        let run = Run(path: folder.file("run"))
        let trained = try Aimass.train(
          Shelf.glyphs.get(), ranks: 3, output: run.path,
          set: Self.settings + [
            "batch={global: 3, micro: 1}", "train={steps: 40}",
            "missing.drop={image: 0.9, table: 0.1}",
          ])
        #expect(trained.status == 0 && trained.leftovers.isEmpty, "\(trained)")
        #expect(run.steps == Array(1...40))
      }
    }
  }
}
