import Foundation
import TestSupport
import Testing

extension LearningTests {
  /// Interactions as they come: repeated, without values, of other users than those of the training.
  @Suite(.serialized, .enabled(if: Python.has("numpy", "h5py"), "numpy or h5py is missing"))
  struct InteractionTests {
    private static let make = """
      import h5py, sys, numpy as np
      rng = np.random.default_rng(6)
      pairs = np.unique(rng.integers(0, [12, 9], (70, 2)), axis=0)
      pairs = pairs[rng.permutation(len(pairs))]
      times = rng.integers(1, 5, len(pairs))
      def write(path, rows, counts=None, present=None):
        with h5py.File(path, 'w') as f:
          for name in ['train', 'test']:
            f[f'{name}/user'], f[f'{name}/item'] = rows[:, 0], rows[:, 1]
            if counts is not None: f[f'{name}/plays'] = counts.astype('f4')
            if present is not None:
              f[f'{name}/plays/values'] = np.ones(len(rows), 'f4')
              f[f'{name}/plays/present'] = present.astype('u1')
      folder = sys.argv[1]
      write(folder + '/counted.h5', pairs, times)
      # Each pair as often as it counts; the first time in the same order, the others anywhere.
      rest = np.repeat(pairs, times - 1, axis=0)
      write(folder + '/log.h5', np.concatenate([pairs, rest[rng.permutation(len(rest))]]))
      write(folder + '/gaps.h5', pairs, present=np.arange(len(pairs)) % 3 > 0)
      write(folder + '/few.h5', np.argwhere(np.ones((4, 4))))
      """

    private static func factorization(
      _ folder: TemporaryFolder, _ data: String, value: Bool, method: String = "implicitALS"
    ) throws -> String {
      let field = value ? "\n    plays: \"/{split}/plays\"" : ""
      return try folder.write(
        """
        name: plays
        data:
          file: \(data).h5
          fields:
            user: {dataset: "/{split}/user", kind: ids}
            item: {dataset: "/{split}/item", kind: ids}\(field)
        factorization:
          \(method): {user: user, item: item, factors: 3, sweeps: 3\(value ? ", value: plays" : "")}

        """, to: "\(data).yaml")
    }

    @Test func aLogOfPlaysIsAsGoodAsItsCounts() throws {
      try withTemporaryFolder { folder in
        _ = try Python.run(Self.make, [folder.path])
        var runs: [Run] = []
        for (data, value, ranks) in [("counted", true, 1), ("log", false, 1), ("log", false, 3)] {
          let run = Run(path: folder.file("\(data)-\(ranks)"))
          let path = try Self.factorization(folder, data, value: value)
          let result = try Aimass.train(path, ranks: ranks, output: run.path)
          #expect(result.status == 0, "\(result)")
          let losses = run.lines.compactMap { $0["loss"] as? Double }
          #expect(losses.count == 3 && losses.allSatisfy { $0 > 0 }, "\(losses)")
          runs.append(run)
        }
        for words in [
          ["predict", runs[0].path, "-o", folder.file("out.csv")],
          ["ensemble", runs[0].path, runs[1].path],
        ] {
          expectRefusal(try Aimass.run(words), 64, ["is a factorization", "aimass recommend"])
        }
        let digests = Set(runs.map { $0.digest })
        #expect(digests.count == 1 && runs[0].digest.count == 64)
        #expect(runs[0].history == runs[1].history && runs[0].history == runs[2].history)
      }
    }

    @Test(arguments: ["implicitALS", "als"])
    func valuesThatAreNotThereAreRefused(method: String) throws {
      try withTemporaryFolder { folder in
        _ = try Python.run(Self.make, [folder.path])
        let path = try Self.factorization(folder, "gaps", value: true, method: method)
        let result = try Aimass.train(path, output: folder.file("run"))
        expectRefusal(result, 65, ["field 'plays'", "for every sample"])
      }
    }

    @Test func otherDataMayKnowFewerUsers() throws {
      try withTemporaryFolder { folder in
        _ = try Python.run(Self.make, [folder.path])
        let path = try folder.write(
          """
          name: towers
          data:
            file: log.h5
            fields:
              user: {dataset: "/{split}/user", kind: label}
              item: {dataset: "/{split}/item", kind: label}
          batch: {global: 20, micro: 5}
          modalities:
            user: {field: user, encoder: [{embedding: {vocabulary: 20, size: 4}}]}
            item: {field: item, encoder: [{embedding: {vocabulary: 20, size: 4}}]}
          coupling: {infoNCE: {between: [user, item]}}
          optimizer: {adam: {learningRate: 0.02}}
          train: {epochs: 1}

          """, to: "towers.yaml")
        let run = folder.file("run")
        #expect(try Aimass.train(path, output: run).status == 0)
        let judged = try Aimass.run(
          ["evaluate", run, "--data", folder.file("few.h5"), "--metric", "recall@3", "--json"])
        #expect(judged.status == 0 && judged.output.contains("\"recall@3\": 0."), "\(judged)")
        let lists = try Aimass.run(["recommend", run, "-o", folder.file("lists.csv")])
        #expect(lists.status == 0 && !lists.lines(with: "for 12 users").isEmpty, "\(lists)")
      }
    }
  }
}
