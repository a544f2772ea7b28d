import Foundation
import TestSupport
import Testing

extension LearningTests {
  /// Data that is unusual but right: nothing to see, nothing to hear, very long, a class without samples.
  @Suite(.serialized, .enabled(if: Python.has("h5py", "numpy"), "h5py is missing"))
  struct UnusualDataTests {
    /// Writes texts of 0 to 6 words and one of 10,000, and pictures.
    ///
    /// Some of both are missing; in both splits there are samples that lack both. Of three classes the last has
    /// no sample.
    private static let make = """
      import h5py, sys, numpy as np
      rng = np.random.default_rng(8)
      with h5py.File(sys.argv[1], 'w') as f:
        for name, n in [('train', 61), ('test', 23)]:
          label = rng.integers(0, 2, n)
          lengths = rng.integers(0, 7, n); lengths[3] = 10000; lengths[[5, 6, 7]] = 0
          there = (rng.random(n) < .7).astype('u1'); there[3] = 1; there[[5, 11]] = 0
          lengths[there == 0] = 0
          offsets = np.concatenate([[0], np.cumsum(lengths)]).astype('i8')
          words = np.repeat(label, lengths) * 3 + rng.integers(0, 5, offsets[-1])
          f[f'{name}/text/values'] = words.astype('i8')
          f[f'{name}/text/offsets'], f[f'{name}/text/present'] = offsets, there
          seen = (rng.random(n) < .6).astype('u1'); seen[[5, 11]] = 0
          x = (rng.normal(size=(n, 4)) + label[:, None]) * seen[:, None]
          f[f'{name}/picture/values'], f[f'{name}/picture/present'] = x.astype('f4'), seen
          f[f'{name}/label'] = label
      """

    private static func configuration(_ folder: TemporaryFolder, encoder: String) throws -> String {
      _ = try Python.run(make, [folder.file("unusual.h5")])
      return try folder.write(
        """
        name: unusual
        seed: 4
        data:
          file: unusual.h5
          fields:
            text: {dataset: "/{split}/text", kind: ids}
            picture: "/{split}/picture"
            label: {dataset: "/{split}/label", kind: label, classes: 3}
        batch: {global: 12, micro: 3}
        modalities:
          text: {field: text, encoder: [{embedding: {vocabulary: 8, size: 6}}, \(encoder)]}
          picture: {field: picture, encoder: [{linear: 6}, relu]}
        fusion: {gated: 6}
        heads: {answer: {layers: [{linear: 3}], loss: crossEntropy, target: label}}
        optimizer: {adam: {learningRate: 0.01}}
        train: {epochs: 3}
        evaluate: {metrics: [accuracy, f1Macro, rocAUC, confusion], subsets: all}

        """, to: "unusual.yaml")
    }

    @Test(arguments: [
      "{gru: {hidden: 6}}, {pool: last}", "{lstm: {hidden: 6}}, {pool: attention}",
      "{positional: sinusoidal}, {attention: {heads: 2}}, {pool: mean}", "{pool: max}",
      // Windows that reach so far over both ends that padding alone would fill one.
      "{maxPool: {size: 2, padding: 1}}, {pool: last}",
      "{conv1d: {out: 6, kernel: 4, padding: 2}}, {averagePool: {size: 2, padding: 1}}, {pool: mean}",
    ])
    func trainsEvaluatesAndPredicts(encoder: String) throws {
      try withTemporaryFolder { folder in
        let path = try Self.configuration(folder, encoder: encoder)
        let judged = try expectSameBits(path, ranks: [1, 3], evaluating: ["--subsets"])
        #expect(!judged.lowercased().contains("nan") && !judged.contains("inf"), "\(judged)")
        #expect(judged.contains("\"samples\": 23"), "\(judged)")
        let run = folder.file("run")
        let trained = try Aimass.train(path, ranks: 2, output: run)
        #expect(trained.status == 0, "\(trained)")
        let table = folder.file("answers.csv")
        let predicted = try Aimass.run(ranks: 2, ["predict", run, "-o", table])
        #expect(predicted.status == 0, "\(predicted)")
        let lines = try String(contentsOfFile: table, encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 24 && !lines.contains { $0.contains("nan") }, "\(lines)")
      }
    }

    @Test func classesInTurnSkipTheEmptyOne() throws {
      try withTemporaryFolder { folder in
        let path = try Self.configuration(folder, encoder: "{pool: mean}")
        let result = try Aimass.train(
          path, ranks: 2, output: folder.file("run"), set: ["data.sampling={balanced: label}"])
        #expect(result.status == 0, "\(result)")
      }
    }

    @Test func anIDBeyondTheVocabularyNamesTheSample() throws {
      try withTemporaryFolder { folder in
        let path = try Self.configuration(folder, encoder: "{pool: mean}")
        let result = try Aimass.train(
          path, ranks: 2, output: folder.file("run"),
          set: ["modalities.text.encoder.0={embedding: {vocabulary: 7, size: 6}}"])
        #expect(result.status == 65, "\(result)")
        #expect(result.errors.contains("of field 'text'"), "\(result)")
        #expect(result.errors.contains("holds 7, expected 0 ..< 7"), "\(result)")
        #expect(Run(path: folder.file("run")).checkpoints.isEmpty)
      }
    }
  }
}
