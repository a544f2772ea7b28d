import Foundation
import TestSupport
import Testing

extension LearningTests {
  /// Trained runs of different modalities as one model.
  @Suite(.serialized) struct EnsembleTests {
    /// One run sees the picture, one the table, one both.
    private func withRuns(_ body: (TemporaryFolder, [String]) throws -> Void) throws {
      try withTemporaryFolder { folder in
        let sets = [["modalities.table=null"], ["modalities.image=null"], ["seed=3"]]
        let runs = try sets.enumerated().map { index, set in
          let run = folder.file("run-\(index)")
          let result = try Aimass.train(
            Shelf.glyphs.get(), output: run,
            set: set + [
              "evaluate.metrics=[accuracy, f1Macro, logLoss]", "batch.micro=\(5 - index)",
            ])
          #expect(result.status == 0, "\(result)")
          return run
        }
        try body(folder, runs)
      }
    }

    private func object(_ result: ProcessResult) throws -> [String: Any] {
      #expect(result.status == 0 && result.leftovers.isEmpty, "\(result)")
      let found = try JSONSerialization.jsonObject(with: Data(result.output.utf8))
      return try #require(found as? [String: Any], "\(result)")
    }

    /// Reads predictions of the members and what `ensemble` wrote and said; prints the worst differences.
    private static let judge = """
      import h5py, json, sys, numpy as np
      from sklearn.linear_model import LogisticRegression
      from sklearn.metrics import accuracy_score, f1_score, log_loss
      data, method, out, said, n = sys.argv[1:6]
      said, n = json.loads(said), int(n)
      def read(path): return h5py.File(path)['digit/output'][:].astype('f8')
      test = [read(p) for p in sys.argv[6:6 + n]]
      valid = [read(p) for p in sys.argv[6 + n:]]
      f = h5py.File(data)
      y, v = f['test/label'][:], f['validation/label'][:]
      w = [m.get('weight') for m in said['members']]
      if method == 'stacked':
          x = [np.hstack([np.log(p) for p in s]) for s in (valid, test)]
          # The classes that the validation split lacks get rows that weigh nothing.
          lacking = sorted(set(range(10)) - set(v))
          assert not lacking, lacking
          m = LogisticRegression(C=1 / 0.5, solver='newton-cg', tol=1e-10, max_iter=10000)
          p = m.fit(x[0], v).predict_proba(x[1])
      else:
          p = sum(a * b for a, b in zip(w, test))
      def loss(w):
          q = sum(a * b for a, b in zip(w, valid))
          return -np.log(q[np.arange(len(v)), v]).mean()
      if method == 'weighted':
          assert abs(sum(w) - 1) < 1e-12 and min(w) >= 0, w
          rng = np.random.default_rng(0)
          best = min(loss(rng.dirichlet([1] * n)) for _ in range(3000))
          assert loss(w) <= best + 1e-9, (loss(w), best)
          for a in range(n):
              for b in range(n):
                  if w[a] > 1e-4:
                      t = np.array(w); t[a] -= 1e-4; t[b] += 1e-4
                      assert loss(w) <= loss(t) + 1e-12, (a, b)
      if method == 'mean': assert w == [1 / n] * n, w
      o = h5py.File(out)['digit/output'][:]
      assert o.shape == p.shape and o.dtype == 'f4'
      assert (h5py.File(out)['digit/class'][:] == o.argmax(1)).all()
      assert abs(o - p).max() < 1e-4 if method == 'stacked' else abs(o - p).max() < 1e-6, abs(o - p).max()
      c = o.argmax(1)
      for name, value in [('accuracy', accuracy_score(y, c)), ('f1Macro', f1_score(y, c, average='macro')),
                          ('logLoss', log_loss(y, o.astype('f8'), labels=range(10))),
                          ('loss', log_loss(y, o.astype('f8'), labels=range(10)))]:
          assert abs(said[name] - value) < 1e-5, (name, said[name], value)
      for m, q in zip(said['members'], test):
          assert abs(m['accuracy'] - accuracy_score(y, q.argmax(1))) < 1e-12
      print('right')
      """

    @Test(.enabled(if: Python.has("h5py", "numpy", "sklearn"), "scikit-learn or h5py is missing"))
    func combinationsAreThoseOfNumPyAndScikitLearnOnAnyNumberOfRanks() throws {
      try withRuns { folder, runs in
        var predicted: [String] = []
        for split in ["test", "validation"] {
          for (index, run) in runs.enumerated() {
            predicted.append(folder.file("\(split)-\(index).h5"))
            let result = try Aimass.run(
              ["predict", run, "--split", split, "-o", predicted[predicted.count - 1]])
            #expect(result.status == 0, "\(result)")
          }
        }
        let rules = [
          ["mean"], ["weighted"], ["stacked", "--penalty", "0.5"],
        ]
        for rule in rules {
          var texts: [String] = []
          var tables: [Data?] = []
          for ranks in [1, 3] {
            let words = ["ensemble"] + runs + ["--method"] + rule + ["--json", "-o"]
            let array = try Aimass.run(ranks: ranks, words + [folder.file("out.h5")])
            let table = try Aimass.run(ranks: ranks, words + [folder.file("out.csv")])
            #expect(array.status == 0 && array.output == table.output, "\(array)\n\(table)")
            texts.append(array.output)
            tables.append(FileManager.default.contents(atPath: folder.file("out.csv")))
          }
          #expect(texts[0] == texts[1] && tables[0] == tables[1], "\(rule)")
          let arguments = [
            try Shelf.file("glyphs.h5"), rule[0], folder.file("out.h5"), texts[0],
            "\(runs.count)",
          ]
          #expect(try Python.run(Self.judge, arguments + predicted) == "right\n", "\(rule)")
        }
      }
    }

    @Test func weightsAreGivenAndMembersAreMeasuredLikeEvaluate() throws {
      try withRuns { folder, runs in
        let words = ["ensemble"] + runs + ["--metric", "accuracy"]
        let given = try object(Aimass.run(words + ["--weights", "0,2,0", "--json"]))
        let members = try #require(given["members"] as? [[String: Any]])
        #expect(members.map { $0["weight"] as? Double } == [0, 1, 0])
        for (index, run) in runs.enumerated() {
          let alone = try object(
            Aimass.run(["evaluate", run, "--metric", "accuracy", "--json"]))
          #expect(members[index]["accuracy"] as? Double == alone["accuracy"] as? Double)
          let (own, judged) = (members[index]["loss"] as? Double, alone["loss"] as? Double)
          #expect(abs((own ?? 0) - (judged ?? 1)) < 1e-5)
        }
        #expect(given["accuracy"] as? Double == members[1]["accuracy"] as? Double)
        let table = try Aimass.run(words)
        #expect(table.status == 0 && table.output.contains("ensemble (mean)"), "\(table)")
      }
    }

    private static let answers = """
      import h5py, sys, numpy as np
      for path, turn in zip(sys.argv[1:], [0, 1]):
        rng = np.random.default_rng(7)
        with h5py.File(path, 'w') as f:
          for name, n in [('train', 90), ('validation', 41), ('test', 31)]:
            y = (rng.random(n) < 0.4).astype('i8')
            f[f'{name}/x'] = (rng.normal(size=(n, 5)) + y[:, None]).astype('f4')
            f[f'{name}/y'] = np.where(np.arange(n) == 9, (y + turn) % 2, y)
      """

    private static let yesOrNo = """
      name: answers
      data: {file: a.h5, fields: {x: "/{split}/x", y: "/{split}/y"}}
      batch: {global: 16, micro: 4}
      modalities:
        x: {field: x, encoder: [{linear: 8}, relu]}
      heads:
        y: {layers: [{linear: 1}], loss: binaryCrossEntropy, target: y}
      optimizer: {adam: {learningRate: 0.01}}
      train: {epochs: 3}

      """

    private static let answerJudge = """
      import h5py, json, sys, numpy as np
      from sklearn.linear_model import LogisticRegression
      from sklearn.metrics import log_loss, roc_auc_score
      f, said = h5py.File(sys.argv[1]), json.loads(sys.argv[2])
      test, valid = [[h5py.File(p)['y/output'][:].astype('f8') for p in sys.argv[i:i + 2]] for i in (4, 6)]
      def x(s): return np.hstack([np.log(np.hstack([1 - p, p])) for p in s])
      m = LogisticRegression(C=2, solver='newton-cg', tol=1e-12, max_iter=10000)
      p = m.fit(x(valid), f['validation/y'][:]).predict_proba(x(test))[:, 1]
      o, y = h5py.File(sys.argv[3])['y/output'][:], f['test/y'][:]
      assert o.shape == (31, 1) and abs(o[:, 0] - p).max() < 1e-4, abs(o[:, 0] - p).max()
      assert abs(said['loss'] - log_loss(y, p)) < 1e-4
      assert abs(said['rocAUC'] - roc_auc_score(y, p)) < 1e-9
      print('right')
      """

    @Test(.enabled(if: Python.has("h5py", "numpy", "sklearn"), "scikit-learn or h5py is missing"))
    func answersAreStackedAndOtherAnswersRefused() throws {
      try withTemporaryFolder { folder in
        _ = try Python.run(Self.answers, [folder.file("a.h5"), folder.file("b.h5")])
        let configuration = try folder.write(Self.yesOrNo, to: "answers.yaml")
        let runs = ["one", "two", "other"].map { folder.file($0) }
        for (run, set) in zip(runs, [["seed=1"], ["seed=2"], ["data.file=b.h5"]]) {
          let result = try Aimass.train(configuration, output: run, set: set)
          #expect(result.status == 0, "\(result)")
        }
        var predicted: [String] = []
        for split in ["test", "validation"] {
          for run in runs.prefix(2) {
            predicted.append("\(run)-\(split).h5")
            let words = ["predict", run, "--split", split, "-o", "\(run)-\(split).h5"]
            let result = try Aimass.run(words)
            #expect(result.status == 0, "\(result)")
          }
        }
        let words = ["--method", "stacked", "--json", "-o", folder.file("out.h5")]
        let said = try Aimass.run(ranks: 2, ["ensemble", runs[0], runs[1]] + words)
        #expect(said.status == 0, "\(said)")
        let found = try Python.run(
          Self.answerJudge,
          [folder.file("a.h5"), said.output, folder.file("out.h5")] + predicted)
        #expect(found == "right\n")
        let refused = try Aimass.run(["ensemble", runs[0], runs[2]])
        expectRefusal(refused, 65, ["sample 9 of its test split", "one target"])
      }
    }

    @Test func runsThatDoNotFitAreRefused() throws {
      try withRuns { folder, runs in
        let before = snapshot(folder.path)
        func refused(_ words: [String], _ status: Int32, _ texts: [String]) throws {
          expectRefusal(try Aimass.run(["ensemble"] + words), status, texts)
        }
        try refused([runs[0]], 64, ["at least two runs"])
        try refused([runs[0], folder.file("none")], 66, ["none"])
        try refused(runs + ["--weights", "1,2"], 64, ["expected 3 weights"])
        try refused(runs + ["--weights", "1,a,3"], 64, ["1,a,3"])
        try refused(runs + ["--weights", "1,-1,3"], 64, ["at least 0"])
        try refused(runs + ["--weights", "1,1,3", "--method", "mean"], 64, ["--method mean"])
        try refused(runs + ["--method", "stacked", "--penalty", "0"], 64, ["penalty above 0"])
        try refused(
          runs + ["--method", "weighted", "--split", "validation"], 64,
          ["weighted", "cannot be measured"])
        try refused(runs + ["--head", "number"], 64, ["no head 'number'", "digit"])
        try refused(runs + ["-o", folder.file("out.txt")], 64, [".csv"])
        #expect(snapshot(folder.path) == before)
        let other = folder.file("other")
        let words = ["data.split={validation: 0.2, test: 0.2}", "data.splits={train: test}"]
        let trained = try Aimass.train(Shelf.glyphs.get(), output: other, set: words)
        #expect(trained.status == 0, "\(trained)")
        try refused([runs[0], other], 65, ["samples, that of", "one target"])
        let reversed = folder.file("reversed")
        let swapped = try Aimass.train(
          Shelf.glyphs.get(), output: reversed,
          set: [
            "heads.digit.loss=meanSquaredError", "heads.digit.layers.3.linear.out=6",
            "heads.digit.target=table", "evaluate.metrics=null", "modalities.table=null",
          ])
        #expect(swapped.status == 0, "\(swapped)")
        try refused([runs[0], reversed], 65, ["6 values", "10 classes"])
        try refused([reversed, reversed, "--method", "stacked"], 64, ["6 values", "use weighted"])
        let both = try object(
          Aimass.run(["ensemble", reversed, reversed, "--method", "weighted", "--json"]))
        let members = try #require(both["members"] as? [[String: Any]])
        #expect(both["rmse"] as? Double == members[0]["rmse"] as? Double)
      }
    }
  }
}
