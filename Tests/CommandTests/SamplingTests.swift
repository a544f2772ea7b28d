import Foundation
import TestSupport
import Testing

extension LearningTests {
  /// Drawn samples and weighted losses: the same bits on any number of ranks.
  @Suite(.serialized, .enabled(if: Python.has("h5py", "numpy"), "h5py is missing"))
  struct SamplingTests {
    private static let make = """
      import h5py, sys, numpy as np
      rng = np.random.default_rng(7)
      with h5py.File(sys.argv[1], 'w') as f:
        for name, n in [('train', 90), ('validation', 31), ('test', 31)]:
          y = (rng.random(n) < 0.15).astype('i8') + 2 * (rng.random(n) < 0.05)
          f[f'{name}/x'] = (rng.normal(size=(n, 5)) + y[:, None]).astype('f4')
          f[f'{name}/y'] = y
          w = rng.random(n).astype('f4'); w[::3] = 0
          f[f'{name}/w'] = w
          w = w.copy(); w[7] = -1
          if name == 'train': f[f'{name}/bad'] = w
      """

    private static let configuration = """
      name: drawn
      seed: 5
      data:
        file: drawn.h5
        fields: {x: "/{split}/x", y: "/{split}/y", w: "/{split}/w", bad: "/{split}/bad"}
      batch: {global: 16, micro: 4}
      modalities:
        x: {field: x, encoder: [{linear: 8}, batchNorm, relu]}
      heads:
        y: {layers: [{linear: 4}], loss: crossEntropy, target: y}
      optimizer: {adam: {learningRate: 0.01}}
      train: {epochs: 3}

      """

    private func withConfiguration(_ body: (TemporaryFolder, String) throws -> Void) throws {
      try withTemporaryFolder { folder in
        _ = try Python.run(Self.make, [folder.file("drawn.h5")])
        try body(folder, folder.write(Self.configuration, to: "drawn.yaml"))
      }
    }

    @Test func drawsAndWeightsGiveTheSameBitsOnAnyNumberOfRanks() throws {
      try withConfiguration { folder, configuration in
        var digests: Set<String> = []
        let rules = [
          ("plain", [], 18), ("balanced", ["data.sampling={balanced: y}"], 18),
          ("weighted", ["data.sampling={weighted: {field: w, samplesPerEpoch: 40}}"], 9),
          ("weights", ["heads.y.weights=w"], 18),
        ]
        for (name, set, steps) in rules {
          var first: Run?
          for ranks in [1, 2, 3] {
            let run = Run(path: folder.file("\(name)-\(ranks)"))
            let result = try Aimass.train(configuration, ranks: ranks, output: run.path, set: set)
            #expect(result.status == 0 && result.leftovers.isEmpty, "\(result)")
            #expect(run.steps == Array(1...steps), "\(name)")
            #expect(run.history == (first ?? run).history, "\(name) on \(ranks)")
            #expect(run.digest == (first ?? run).digest, "\(name) on \(ranks)")
            first = first ?? run
          }
          digests.insert(first?.digest ?? "")
        }
        #expect(digests.count == rules.count)
        let judged = try Aimass.run(["evaluate", folder.file("weights-1"), "--json"])
        #expect(judged.status == 0, "\(judged)")
      }
    }

    @Test func whatCannotBeDrawnIsRefused() throws {
      try withConfiguration { folder, configuration in
        func refused(_ set: [String], _ status: Int32, _ texts: [String]) throws {
          let result = try Aimass.train(configuration, output: folder.file("run"), set: set)
          expectRefusal(result, status, texts)
        }
        try refused(
          ["data.sampling={balanced: y}", "data.shuffle=window"], 78,
          ["data.shuffle", "expected full", "window"])
        try refused(["data.sampling={weighted: bad}"], 65, ["sample 7", "-1.0"])
        try refused(["data.sampling={balanced: w}"], 65, ["expected one label for each sample"])
        try refused(["data.sampling={weighted: z}"], 78, ["unknown field `z`"])
      }
    }
  }
}
