import Foundation
import TestSupport
import Testing

extension LearningTests {
  /// What an evaluation does with heads that have nothing to say, and with targets of every kind.
  @Suite(.serialized, .enabled(if: Python.has("h5py", "numpy"), "h5py is missing"))
  struct EvaluationTests {
    /// Writes `a`, sequences that may be missing, with ids to spell, `c`, vectors that may be missing, and
    /// `d`, which is always there.
    ///
    /// In the validation split no sample has both `a` and `c`, and all weights are 0.
    private static let make = """
      import h5py, sys, numpy as np
      rng = np.random.default_rng(2)
      with h5py.File(sys.argv[1], 'w') as f:
        for name, n in [('train', 37), ('validation', 17), ('test', 19)]:
          there = (rng.random(n) < .7).astype('u1'); there[:2] = [1, 0]
          lengths = rng.integers(5, 9, n) * there
          offsets = np.concatenate([[0], np.cumsum(lengths)]).astype('i8')
          f[f'{name}/a/values'] = rng.normal(size=(offsets[-1], 4)).astype('f4')
          f[f'{name}/a/offsets'], f[f'{name}/a/present'] = offsets, there
          other = (1 - there if name == 'validation' else rng.random(n) < .7).astype('u1')
          f[f'{name}/c/values'] = rng.normal(size=(n, 3)).astype('f4')
          f[f'{name}/c/present'] = other
          f[f'{name}/d'] = rng.normal(size=(n, 3)).astype('f4')
          f[f'{name}/label'] = rng.integers(0, 3, n)
          f[f'{name}/answers'] = rng.integers(0, 2, (n, 4))
          f[f'{name}/value'] = rng.normal(size=n).astype('f4')
          f[f'{name}/weight'] = np.full(n, 0 if name == 'validation' else 2, 'f4')
          ids = rng.integers(1, 4, n)
          f[f'{name}/ids/values'] = rng.integers(0, 4, ids.sum())
          f[f'{name}/ids/offsets'] = np.concatenate([[0], np.cumsum(ids)]).astype('i8')
      """

    private static func configuration(_ folder: TemporaryFolder, _ body: String) throws -> String {
      let data = folder.file("odd.h5")
      if !FileManager.default.fileExists(atPath: data) { _ = try Python.run(make, [data]) }
      return try folder.write(
        """
        name: odd
        seed: 3
        data:
          file: odd.h5
          fields:
            a: "/{split}/a"
            c: "/{split}/c"
            d: "/{split}/d"
            label: {dataset: "/{split}/label", kind: label, classes: 3}
            answers: {dataset: "/{split}/answers", kind: ids}
            value: "/{split}/value"
            weight: "/{split}/weight"
            ids: {dataset: "/{split}/ids", kind: ids}
        batch: {global: 16, micro: 3}
        optimizer: {adam: {learningRate: 0.01}}
        train: {epochs: 2}
        \(body)

        """, to: "odd.yaml")
    }

    private func judged(_ run: Run, _ more: [String] = []) throws -> [String: Any] {
      let result = try Aimass.run(["evaluate", run.path, "--json"] + more)
      #expect(result.status == 0, "\(result)")
      let found = try JSONSerialization.jsonObject(with: Data(result.output.utf8))
      return try #require(found as? [String: Any], "\(result)")
    }

    @Test func integersAreValuesForLossesOfValues() throws {
      try withTemporaryFolder { folder in
        let path = try Self.configuration(
          folder,
          """
          modalities: {c: {field: c, encoder: [{linear: 4}]}, d: {field: d, encoder: [{linear: 4}]}}
          heads:
            size: {from: d, layers: [{linear: 1}], loss: meanSquaredError, target: label}
            some: {from: c, layers: [{linear: 1}], loss: huber, target: label}
            each: {layers: [{linear: 4}], loss: binaryCrossEntropy, target: answers}
          """)
        let run = Run(path: folder.file("run"))
        let trained = try Aimass.train(path, ranks: 2, output: run.path)
        #expect(trained.status == 0, "\(trained)")
        let predicted = try Aimass.run(["predict", run.path, "-o", folder.file("out.h5")])
        #expect(predicted.status == 0, "\(predicted)")
        let text = try Python.run(
          """
          import h5py, sys, numpy as np
          t, o = h5py.File(sys.argv[1])['test'], h5py.File(sys.argv[2])
          there = t['c/present'][:] == 1
          y, x = t['label'][:], o['size/output'][:, 0]
          print(np.sqrt(((x - y) ** 2).mean()))
          print(np.abs(o['some/output'][:, 0] - y)[there].mean())
          hits = (o['each/output'][:] > .5) == (t['answers'][:] == 1)
          print(hits.all(1).mean())
          """, [folder.file("odd.h5"), folder.file("out.h5")])
        let wanted = text.split(separator: "\n").compactMap { Double($0) }
        try #require(wanted.count == 3, "\(text)")
        let metrics = ["rmse", "mae", "accuracy"].flatMap { ["--metric", $0] }
        let refused = try Aimass.run(["ensemble", run.path, run.path, "--head", "some"])
        expectRefusal(refused, 64, ["'some' has no prediction for samples without"])
        let heads = try #require(judged(run, metrics)["heads"] as? [String: [String: Double]])
        for ((head, metric), value) in zip(
          [("size", "rmse"), ("some", "mae"), ("each", "accuracy")], wanted)
        {
          #expect(abs((heads[head]?[metric] ?? .nan) - value) < 1e-5, "\(head) \(heads) \(text)")
        }
      }
    }

    @Test func aHeadOutsideOfASubsetHasNoValues() throws {
      try withTemporaryFolder { folder in
        let path = try Self.configuration(
          folder,
          """
          modalities:
            a: {field: a, encoder: [{gru: 4}, {pool: last}]}
            c: {field: c, encoder: [{linear: 4}]}
          coupling: {infoNCE: {between: [a, c]}}
          heads: {value: {from: c, layers: [{linear: 1}], loss: meanSquaredError, target: value}}
          evaluate: {subsets: all}
          """)
        let run = Run(path: folder.file("run"))
        let trained = try Aimass.train(path, ranks: 2, output: run.path)
        #expect(trained.status == 0, "\(trained)")
        let subsets = try #require(run.lines.last?["subsets"] as? [String: [String: Double]])
        #expect(subsets["a"]?.isEmpty == true && subsets["c"]?["rmse"] != nil, "\(subsets)")
      }
    }

    /// Training counts pairs and weights that are not there as 0, and so does what is judged.
    @Test(arguments: ["coupling", "weights"])
    func whatHasNothingToSayHasNoShareInTheLoss(of kind: String) throws {
      try withTemporaryFolder { folder in
        let extra =
          kind == "coupling" ? "coupling: {infoNCE: {between: [a, c]}}\nfusion: concat" : ""
        let weights = kind == "weights" ? ", weights: weight" : ""
        let path = try Self.configuration(
          folder,
          """
          modalities:
            a: {field: a, encoder: [{gru: 4}, {pool: last}]}
            c: {field: c, encoder: [{linear: 4}]}
          \(extra)
          heads:
            value: {layers: [{linear: 1}], loss: meanSquaredError, target: value}
            kind: {layers: [{linear: 3}], loss: crossEntropy, target: label\(weights)}
          evaluate: {earlyStop: {metric: loss, patience: 5}}
          """)
        let run = Run(path: folder.file("run"))
        let trained = try Aimass.train(path, ranks: 2, output: run.path)
        #expect(trained.status == 0, "\(trained)")
        let line = try #require(run.lines.last { $0["split"] != nil })
        let parts = ["value.loss", "kind.loss"].compactMap { line[$0] as? Double }
        #expect(parts.count == (kind == "weights" ? 1 : 2), "\(line)")
        let loss = try #require(line["loss"] as? Double, "\(line)")
        #expect(abs(loss - parts.reduce(0, +)) < 1e-12, "\(line)")
        #expect(run.summary?["bestStep"] as? Int != nil)
      }
    }

    @Test func whatLacksASequenceIsNotTranscribed() throws {
      try withTemporaryFolder { folder in
        let path = try Self.configuration(
          folder,
          """
          modalities: {a: {field: a, encoder: [{gru: 6}]}, d: {field: d, encoder: [{linear: 4}]}}
          heads:
            spelt: {from: a, layers: [{linear: 5}], loss: ctc, target: ids}
            kind: {from: d, layers: [{linear: 3}], loss: crossEntropy, target: label}
          evaluate: {subsets: [[d]]}
          """)
        let run = Run(path: folder.file("run"))
        let trained = try Aimass.train(path, ranks: 2, output: run.path)
        #expect(trained.status == 0, "\(trained)")
        let subsets = try #require(run.lines.last?["subsets"] as? [String: [String: Double]])
        #expect(subsets["d"]?["spelt.tokenErrorRate"] == nil, "\(subsets)")
        #expect(subsets["d"]?["loss"] != nil, "\(subsets)")
        // Who has the sequence has steps enough, and who lacks it has nothing to spell.
        #expect(!run.history.contains { $0.contains("infeasibleSamples") }, "\(run.history)")
        // A network that has learnt nothing finds few ids: the rate is that of the ids it could find.
        let heads = try #require(judged(run)["heads"] as? [String: [String: Double]])
        let text = try Python.run(
          """
          import h5py, sys
          t = h5py.File(sys.argv[1])['test']
          counts = t['ids/offsets'][1:] - t['ids/offsets'][:-1]
          print(counts[t['a/present'][:] == 1].sum())
          """, [folder.file("odd.h5")])
        let ids = try #require(Double(text.trimmingCharacters(in: .whitespacesAndNewlines)))
        let edits = (heads["spelt"]?["tokenErrorRate"] ?? .nan) * ids
        #expect(abs(edits - edits.rounded()) < 1e-9, "\(heads) of \(ids) ids")
      }
    }

    @Test func anotherMetricForgetsWhatWasBest() throws {
      try withTemporaryFolder { folder in
        let path = try Self.configuration(
          folder,
          """
          modalities: {d: {field: d, encoder: [{linear: 4}]}}
          heads: {kind: {layers: [{linear: 3}], loss: crossEntropy, target: label}}
          evaluate: {best: accuracy}
          """)
        let run = Run(path: folder.file("run"))
        #expect(try Aimass.train(path, output: run.path).status == 0)
        // An accuracy is below the loss, so that no loss would ever be better than it.
        let resumed = try Aimass.train(
          path, output: run.path,
          set: [
            "evaluate.best=loss", "train.epochs=3",
            "evaluate.earlyStop={metric: loss, patience: 9}",
          ])
        #expect(resumed.status == 0, "\(resumed)")
        #expect(run.summary?["bestStep"] as? Int == run.steps.last, "\(resumed)")
        #expect(resumed.lines(with: "chosen by loss").count == 1, "\(resumed)")
      }
    }
  }
}
