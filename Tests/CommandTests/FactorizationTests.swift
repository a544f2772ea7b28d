import Foundation
import TestSupport
import Testing

extension LearningTests {
  /// Factorizations by alternating least squares, from training to lists.
  @Suite(.serialized, .enabled(if: Python.has("numpy", "h5py"), "numpy or h5py is missing"))
  struct FactorizationTests {
    static let methods = [
      "{als: {user: user, item: item, value: rating, factors: 5, sweeps: 4, regularization: 0.1}}",
      "{als: {user: user, item: item, value: rating, factors: 7, sweeps: 3, regularization: 2, "
        + "weighted: false, biasRegularization: 0.5}}",
      "{als: {user: user, item: item, value: rating, factors: 4, sweeps: 2, biases: false}}",
      "{implicitALS: {user: user, item: item, value: rating, factors: 6, sweeps: 3, alpha: 2}}",
    ]

    private struct Verdict: Decodable {
      let difference, rmse, mae, loss: Double
    }

    @Test(arguments: methods)
    func factorsAreThoseOfNumPyOnAnyNumberOfRanks(method: String) throws {
      try withTemporaryFolder { folder in
        let configuration = try Interactions.configuration("factors", method)
        var first: (run: Run, evaluation: String, lists: Data?)?
        for ranks in 1...4 {
          let run = Run(path: folder.file("on-\(ranks)"))
          let trained = try Aimass.train(configuration, ranks: ranks, output: run.path)
          #expect(trained.status == 0 && trained.leftovers.isEmpty, "\(trained)")
          let judged = try Aimass.run(
            ranks: ranks,
            ["evaluate", run.path, "--json"]
              + ["recall@5", "ndcg@10", "mrr@10"].flatMap { ["--metric", $0] }
              + (method.hasPrefix("{als") ? ["--metric", "rmse", "--metric", "mae"] : []))
          #expect(judged.status == 0, "\(judged)")
          let file = folder.file("lists-\(ranks).csv")
          let written = try Aimass.run(
            ranks: ranks, ["recommend", run.path, "--top", "7", "-o", file])
          #expect(written.status == 0, "\(written)")
          let lists = FileManager.default.contents(atPath: file)
          guard let first else {
            try compare(run, method, judged.output)
            first = (run, judged.output, lists)
            continue
          }
          #expect(run.digest == first.run.digest && run.digest.count == 64)
          #expect(run.history == first.run.history)
          #expect(judged.output == first.evaluation, "\(ranks) ranks")
          #expect(lists == first.lists && lists != nil)
        }
      }
    }

    private func compare(_ run: Run, _ method: String, _ evaluation: String) throws {
      let name = method.hasPrefix("{als") ? "als" : "implicitALS"
      let yaml = try String(contentsOfFile: run.path + "/config.yaml", encoding: .utf8)
      let options = yaml.split(separator: "\n").drop { $0 != "factorization:" }.filter {
        $0.hasPrefix("    ")
      }.map { line in
        let parts = line.split(separator: ":").map { $0.trimmingCharacters(in: .whitespaces) }
        let isText = ["user", "item", "value"].contains(parts[0])
        return "\"\(parts[0])\": " + (isText ? "\"\(parts[1])\"" : parts[1])
      }
      let text = try Python.run(
        Interactions.oracle,
        [try Interactions.file.get(), run.path, name, "{\(options.joined(separator: ", "))}"])
      let verdict = try JSONDecoder().decode(Verdict.self, from: Data(text.utf8))
      #expect(verdict.difference < 1e-4, "\(verdict)")
      let loss = try #require(run.lines.last?["loss"] as? Double)
      #expect(abs(loss - verdict.loss) < 1e-5, "\(loss) \(verdict)")
      let judged = try JSONSerialization.jsonObject(with: Data(evaluation.utf8)) as? [String: Any]
      #expect(judged?["rankedUsers"] as? Int == 60)
      if name == "als" {
        for (key, wanted) in [("rmse", verdict.rmse), ("mae", verdict.mae)] {
          let found = try #require(judged?[key] as? Double)
          #expect(abs(found - wanted) < 1e-5, "\(key) \(found) \(wanted)")
        }
      }
    }

    @Test func listsLeaveOutWhatWasSeenAndWhatNobodyKnows() throws {
      try withTemporaryFolder { folder in
        let run = folder.file("run")
        let configuration = try Interactions.configuration("lists", Self.methods[0])
        #expect(try Aimass.train(configuration, output: run).status == 0)
        let result = try Aimass.run(
          ["recommend", run, "--top", "1000", "-o", folder.file("all.csv")])
        #expect(result.status == 0, "\(result)")
        // Every user has all items of the training split but the own ones, best first.
        let verdict = try Python.run(
          """
          import sys, csv, h5py
          rows = list(csv.DictReader(open(sys.argv[1])))
          with h5py.File(sys.argv[2]) as f:
            pairs = set(zip(f['train/user'][:].tolist(), f['train/item'][:].tolist()))
          items = {i for _, i in pairs}
          for u in range(61):
            mine = [r for r in rows if r['user'] == str(u)]
            assert [int(r['place']) for r in mine] == list(range(1, len(mine) + 1))
            # Of user 60 nothing is known.
            wanted = {i for i in items if (u, i) not in pairs} if u < 60 else set()
            assert {int(r['item']) for r in mine} == wanted, u
            scores = [float(r['score']) for r in mine]
            assert scores == sorted(scores, reverse=True)
          assert [r['user'] for r in rows] == sorted((r['user'] for r in rows), key=int)
          print(len(rows))
          """, [folder.file("all.csv"), try Interactions.file.get()])
        let lines = verdict.trimmingCharacters(in: .whitespacesAndNewlines)
        let count = Int(lines).map { "\($0)" } ?? ""
        #expect(!result.lines(with: "lines for 60 users").isEmpty && count.count == 4, "\(result)")
      }
    }

    @Test(arguments: [Interruption.Kind.save, .kill])
    func anInterruptedRunGoesOnExactly(kind: Interruption.Kind) throws {
      try withTemporaryFolder { folder in
        let configuration = try Interactions.configuration("resumed", Self.methods[0])
        let set = ["factorization.als.sweeps=600", "checkpoint.everySteps=7"]
        let straight = Run(path: folder.file("straight"))
        let whole = try Aimass.train(configuration, output: straight.path, set: set)
        #expect(whole.status == 0, "\(whole)")
        let broken = Run(path: folder.file("broken"))
        let stopped = try Interruption.run(
          kind, after: 30, of: broken.path,
          Aimass.trainArguments(configuration, ranks: 2, output: broken.path, set: set))
        #expect(stopped.status == (kind == .save ? 75 : 70), "\(stopped)")
        #expect(broken.summary == nil, "\(stopped)")
        let resumed = try Aimass.train(configuration, ranks: 3, output: broken.path, set: set)
        #expect(resumed.status == 0, "\(resumed)")
        #expect(resumed.lines(with: "resuming after step").count == 1, "\(resumed)")
        #expect(broken.digest == straight.digest && broken.digest.count == 64)
        #expect(broken.steps == Array(1...600) && broken.history == straight.history)
        let again = try Aimass.train(configuration, output: broken.path, set: set)
        #expect(again.status == 0 && !again.lines(with: "the run is complete").isEmpty, "\(again)")
      }
    }

    @Test func planAndDryRunTellWithoutAFolder() throws {
      try withTemporaryFolder { folder in
        let configuration = try Interactions.configuration("planned", Self.methods[0])
        let plan = try Aimass.run(["plan", configuration, "--ranks", "2"])
        #expect(plan.status == 0, "\(plan)")
        let words = plan.output.split(separator: "\n").map { line in
          line.split(separator: " ").joined(separator: " ")
        }
        for line in ["users.factors 61×5", "items.bias 83", "parameters 865", "steps (sweeps) 4"] {
          #expect(words.contains(line), "\(line) in \(plan)")
        }
        let run = folder.file("run")
        let dry = try Aimass.train(configuration, output: run, ["--dry-run"])
        #expect(dry.status == 0 && !dry.lines(with: "one step gave loss").isEmpty, "\(dry)")
        #expect(!FileManager.default.fileExists(atPath: run))
      }
    }

    @Test func whatCannotBeIsRefused() throws {
      try withTemporaryFolder { folder in
        let run = folder.file("run")
        let configuration = try Interactions.configuration("refused", Self.methods[3])
        let singular = try Aimass.train(
          try Interactions.configuration("singular", Self.methods[0]), ranks: 2, output: run,
          set: ["factorization.als.regularization=0", "factorization.als.factors=60"])
        #expect(singular.status == 78, "\(singular)")
        #expect(
          !singular.errors.contains("Fatal") && singular.errors.contains("has no one solution"))
        let missing = try Aimass.train(
          configuration, output: run, set: ["factorization.implicitALS.value=stars", "name=b"])
        #expect(missing.status == 65, "\(missing)")
        #expect(missing.errors.contains("there is no field 'stars'"), "\(missing)")
        let fitted = try Aimass.train(configuration, output: folder.file("fitted"))
        #expect(fitted.status == 0, "\(fitted)")
        let values = try Aimass.run(["evaluate", folder.file("fitted"), "--metric", "rmse"])
        #expect(values.status == 78, "\(values)")
        #expect(values.errors.contains("predicts no values"), "\(values)")
        let other = try Aimass.train(
          configuration, output: folder.file("fitted"),
          set: ["factorization.implicitALS.alpha=3"])
        #expect(other.status == 73 && other.errors.contains("alpha: 3.0"), "\(other)")
        let traced = try Aimass.train(configuration, output: run, ["--trace"])
        #expect(traced.status == 64, "\(traced)")
        let network = folder.file("network")
        #expect(
          try Aimass.train(Shelf.glyphs.get(), output: network, set: ["train={steps: 1}"]).status
            == 0)
        let lists = try Aimass.run(["recommend", network, "-o", folder.file("lists.csv")])
        #expect(lists.status == 78 && lists.errors.contains("scores no pairs"), "\(lists)")
        let ranked = try Aimass.run(["evaluate", network, "--metric", "recall@10"])
        #expect(ranked.status == 78 && ranked.errors.contains("scores no pairs"), "\(ranked)")
      }
    }
  }
}
