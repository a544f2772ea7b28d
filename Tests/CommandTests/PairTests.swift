import Foundation
import TestSupport
import Testing

extension LearningTests {
  /// Matrix factorisation by gradients: two embeddings and the product of their vectors.
  @Suite(
    .serialized,
    .enabled(if: Python.has("numpy", "h5py", "torch"), "numpy, h5py or torch is missing"))
  struct PairTests {
    /// A run over ``Interactions``, beside their file.
    static let configuration: Result<String, any Error> = Result {
      _ = try Interactions.file.get()
      let path = try Shelf.file("pairs.yaml")
      try """
      name: pairs
      seed: 3
      data: {file: interactions.h5}
      batch: {global: 200, micro: 50}
      modalities:
        user: {field: user, encoder: [{embedding: {size: 6, deviation: 0.1}}]}
        item: {field: item, encoder: [{embedding: {size: 6, deviation: 0.1}}]}
      heads:
        stars: {layers: [{dot: {biases: true, offset: 3}}], loss: meanSquaredError, target: rating}
      optimizer: {adam: {learningRate: 0.02, weightDecay: 1.0e-3}}
      train: {epochs: 6}

      """.write(toFile: path, atomically: true, encoding: .utf8)
      return path
    }

    /// Reads `parameters` of the newest checkpoint of a run: user and item tables, global bias.
    private static let reading = """
      import sys, glob, json, struct, h5py, numpy as np
      def load(run):
        out = np.full(61 * 6 + 83 * 6 + 1, np.nan, np.float32)
        for name in glob.glob(sorted(glob.glob(run + '/checkpoints/step-*'))[-1] + '/*.safetensors'):
          raw = open(name, 'rb').read()
          size = struct.unpack('<Q', raw[:8])[0]
          for key, entry in json.loads(raw[8:8 + size]).items():
            if not key.startswith('parameters@'): continue
            start, (a, b) = int(key.split('@')[1]), entry['data_offsets']
            values = np.frombuffer(raw[8 + size + a:8 + size + b], '<f4')
            out[start:start + len(values)] = values
        return out[:366].reshape(61, 6), out[366:864].reshape(83, 6), out[864:]
      f = h5py.File(sys.argv[1])
      """

    @Test func aStepIsThatOfTorch() throws {
      try withTemporaryFolder { folder in
        let set = ["train={steps: 1}", "batch={global: 2000, micro: 90}"]
        // A step too small to change any bit leaves the initial values.
        for (name, rate) in [("before", "1.0e-30"), ("after", "0.5")] {
          let result = try Aimass.train(
            Self.configuration.get(), ranks: 2, output: folder.file(name),
            set: set + ["optimizer={sgd: {learningRate: \(rate), weightDecay: 0.01}}"])
          #expect(result.status == 0, "\(result)")
        }
        let text = try Python.run(
          Self.reading + """

            import torch
            u, i, r = (torch.tensor(f['train'][n][:]) for n in ('user', 'item', 'rating'))
            P, Q, mu = (torch.tensor(x, requires_grad=True) for x in load(sys.argv[2]))
            assert mu.item() == 3 and 0.08 < P.std().item() < 0.12
            score = mu + P[u, 5] + Q[i, 5] + (P[u, :5] * Q[i, :5]).sum(1)
            ((score - r) ** 2).mean().backward()
            with torch.no_grad():
              wanted = [P - 0.5 * (P.grad + 0.01 * P), Q - 0.5 * (Q.grad + 0.01 * Q), mu - 0.5 * mu.grad]
            found = load(sys.argv[3])
            moved = max(float(abs(w.numpy() - x.detach().numpy()).max()) for w, x in zip(wanted, (P, Q, mu)))
            print(moved, max(float(abs(w.numpy() - x).max()) for w, x in zip(wanted, found)))
            """,
          [try Interactions.file.get(), folder.file("before"), folder.file("after")])
        let numbers = text.split(separator: " ").compactMap {
          Double($0.trimmingCharacters(in: .whitespacesAndNewlines))
        }
        #expect(numbers.count == 2 && numbers[0] > 1e-3 && numbers[1] < 2e-6, "\(text)")
      }
    }

    @Test func scoresAndListsAreEqualOnAnyNumberOfRanks() throws {
      try withTemporaryFolder { folder in
        var first: (digest: String, evaluation: String, lists: Data?)?
        for ranks in 1...4 {
          let run = Run(path: folder.file("on-\(ranks)"))
          let trained = try Aimass.train(Self.configuration.get(), ranks: ranks, output: run.path)
          #expect(trained.status == 0 && trained.leftovers.isEmpty, "\(trained)")
          let metrics = ["rmse", "recall@5", "ndcg@5"].flatMap { ["--metric", $0] }
          let judged = try Aimass.run(
            ranks: ranks, ["evaluate", run.path, "--json"] + metrics)
          #expect(judged.status == 0, "\(judged)")
          let file = folder.file("\(ranks).csv")
          let written = try Aimass.run(
            ranks: ranks, ["recommend", run.path, "--top", "4", "-o", file])
          #expect(written.status == 0, "\(written)")
          let lists = FileManager.default.contents(atPath: file)
          guard let first else {
            try compare(run.path, judged.output, file)
            first = (run.digest, judged.output, lists)
            continue
          }
          #expect(run.digest == first.digest && judged.output == first.evaluation)
          #expect(lists == first.lists && lists != nil)
        }
      }
    }

    @Test func ranksAgainstDrawnNegativesOnAnyNumberOfRanks() throws {
      try withTemporaryFolder { folder in
        let set = [
          "data.sampling={negatives: {user: user, item: item}}", "heads.stars.loss=bpr",
          "heads.stars.target=null",
        ]
        var found: Set<String> = []
        for ranks in 1...4 {
          let run = Run(path: folder.file("on-\(ranks)"))
          let trained = try Aimass.train(
            Self.configuration.get(), ranks: ranks, output: run.path, set: set)
          #expect(trained.status == 0 && trained.leftovers.isEmpty, "\(trained)")
          let judged = try Aimass.run(
            ranks: ranks, ["evaluate", run.path, "--json", "--metric", "recall@5"])
          #expect(judged.status == 0 && judged.output.contains("recall@5"), "\(judged)")
          found.insert(run.digest + judged.output)
          let losses = run.lines.compactMap { $0["loss"] as? Double }
          // All scores begin near 0, so a negative costs ln 2.
          #expect(abs((losses.first ?? .nan) - 0.6931) < 0.02, "\(losses)")
          #expect((losses.last ?? .nan) < 0.6, "\(losses)")
        }
        #expect(found.count == 1, "\(found)")
        let usual = try Aimass.run(["evaluate", folder.file("on-1"), "--json"])
        #expect(usual.status == 0 && usual.output.contains("ndcg@10"), "\(usual)")
        let file = folder.file("scores.csv")
        let predicted = try Aimass.run(["predict", folder.file("on-1"), "-o", file])
        #expect(predicted.status == 0, "\(predicted)")
        let refused = try Aimass.run([
          "ensemble", folder.file("on-1"), folder.file("on-2"),
        ])
        #expect(refused.status == 64 && refused.errors.contains("no truth"), "\(refused)")
      }
    }

    @Test func featuresGoWithUsersAndItems() throws {
      try withTemporaryFolder { folder in
        _ = try Interactions.file.get()
        let path = try Shelf.file("features.yaml")
        try Self.features.write(toFile: path, atomically: true, encoding: .utf8)
        let run = Run(path: folder.file("run"))
        let trained = try Aimass.train(path, ranks: 2, output: run.path)
        #expect(trained.status == 0, "\(trained)")
        let judged = try Aimass.run(
          ranks: 3, ["evaluate", run.path, "--json", "--metric", "recall@5"])
        #expect(judged.status == 0, "\(judged)")
        let lists = folder.file("lists.csv")
        let written = try Aimass.run(["recommend", run.path, "--top", "4", "-o", lists])
        #expect(written.status == 0, "\(written)")
        let text = try Python.run(
          Self.featureReading, [try Interactions.file.get(), run.path, judged.output, lists])
        #expect(text.isEmpty, "\(text)")
      }
    }

    /// The age of a user and two numbers of an item beside their ids.
    private static let features = """
      name: features
      seed: 3
      data: {file: interactions.h5, sampling: {negatives: {user: user, item: item, keep: [age]}}}
      batch: {global: 200, micro: 50}
      modalities:
        user: {field: user, encoder: [{embedding: {size: 5, deviation: 0.1}}]}
        age: {field: age, encoder: [{linear: 2}]}
        item: {field: item, encoder: [{embedding: {size: 4, deviation: 0.1}}]}
        film: {field: film, encoder: [{linear: 3}]}
      heads:
        rank: {layers: [{dot: {biases: true}}], loss: bpr}
      optimizer: {adam: {learningRate: 0.02, weightDecay: 1.0e-3}}
      train: {epochs: 3}

      """

    /// Scores from the parameters; of user 60, who is in the test split only, the items' biases, and no list.
    private static let featureReading =
      reading.replacingOccurrences(of: "61 * 6 + 83 * 6 + 1", with: "61 * 5 + 4 + 83 * 4 + 9 + 1")
      .replacingOccurrences(
        of: "return out[:366].reshape(61, 6), out[366:864].reshape(83, 6), out[864:]",
        with: "return np.split(out.astype(float), np.cumsum([305, 2, 2, 332, 6, 3]))") + """

        import csv
        P, wa, ba, Q, wf, bf, mu = load(sys.argv[2])
        tr = f['train']
        u, i = tr['user'][:], tr['item'][:]
        age, film = np.zeros(61), np.zeros((83, 2))
        age[u], film[i] = tr['age'][:], tr['film'][:]
        U = np.c_[P.reshape(61, 5), age[:, None] * wa + ba]
        I = np.c_[Q.reshape(83, 4), film @ wf.reshape(3, 2).T + bf]
        assert 60 not in u
        U[60] = 0
        S = mu + U[:, 6:] + I[:, 6] + U[:, :6] @ I[:, :6].T
        S[:, np.setdiff1d(np.arange(83), i)] = -np.inf
        S[u, i] = -np.inf
        top = np.argsort(-S, axis=1, kind='stable')[:, :5]
        rows = list(csv.DictReader(open(sys.argv[4])))
        for x in range(61):
          mine = [row for row in rows if row['user'] == str(x)]
          if x == 60:
            assert not mine, 'who has nothing gets no list'
            continue
          assert [int(row['item']) for row in mine] == top[x, :4].tolist(), x
          assert np.allclose([float(row['score']) for row in mine], S[x, top[x, :4]], atol=1e-5), x
        tu, ti = f['test/user'][:], f['test/item'][:]
        hits = []
        for x in range(61):
          right = set(ti[tu == x]) - set(i[u == x])
          if right: hits.append(len(right & set(top[x])) / len(right))
        judged = json.loads(sys.argv[3])
        assert abs(np.mean(hits) - judged['recall@5']) < 1e-12, (np.mean(hits), judged)
        """

    /// RMSE and lists by NumPy from the run's parameters.
    private func compare(_ run: String, _ evaluation: String, _ lists: String) throws {
      let text = try Python.run(
        Self.reading + """

          import csv
          P, Q, mu = load(sys.argv[2])
          S = mu + P[:, 5:] + Q[:, 5] + P[:, :5].astype(float) @ Q[:, :5].T
          u, i, r = (f['test'][n][:] for n in ('user', 'item', 'rating'))
          judged = json.loads(sys.argv[3])
          assert abs(((S[u, i] - r) ** 2).mean() ** .5 - judged['rmse']) < 1e-5, judged
          assert judged['rmse'] < 1
          a, b = f['train/user'][:], f['train/item'][:]
          S[:, np.setdiff1d(np.arange(83), b)] = -np.inf
          S[a, b] = -np.inf
          top = np.argsort(-S, axis=1)[:, :5]
          rows = list(csv.DictReader(open(sys.argv[4])))
          for x in range(61):
            mine = [row for row in rows if row['user'] == str(x)]
            if x == 60:
              assert not mine, 'who has nothing gets no list'
              continue
            assert [int(row['item']) for row in mine] == top[x, :4].tolist(), x
            assert np.allclose([float(row['score']) for row in mine], S[x, top[x, :4]], atol=1e-5)
          hits = []
          for x in range(61):
            right = set(i[u == x]) - set(b[a == x])
            if right: hits.append(len(right & set(top[x])) / len(right))
          assert len(hits) == judged['rankedUsers']
          assert abs(np.mean(hits) - judged['recall@5']) < 1e-12, (np.mean(hits), judged)
          """, [try Interactions.file.get(), run, evaluation, lists])
      #expect(text.isEmpty, "\(text)")
    }
  }
}
