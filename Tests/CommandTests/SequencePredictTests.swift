import Foundation
import TestSupport
import Testing

extension LearningTests {
  /// Predictions of heads that predict every step, the same from any number of ranks.
  @Suite(.serialized, .enabled(if: Python.has("h5py", "numpy"), "h5py is missing"))
  struct SequencePredictTests {
    private static let make = """
      import h5py, sys, numpy as np
      rng = np.random.default_rng(4)
      with h5py.File(sys.argv[1], 'w') as f:
        for name, n in [('train', 30), ('test', 23)]:
          lengths = rng.integers(0, 6, n); lengths[2] = 0
          offsets = np.concatenate([[0], np.cumsum(lengths)]).astype('i8')
          x = rng.normal(size=(offsets[-1], 2)).astype('f4')
          for field, values in [('sound', x), ('word', (x[:, 0] > 0) + (x[:, 1] > 0))]:
            f[f'{name}/{field}/values'] = values.astype('f4' if field == 'sound' else 'i8')
            f[f'{name}/{field}/offsets'] = offsets
          f[f'{name}/size'] = lengths.astype('f4')
      """

    private static let configuration = """
      name: steps
      data:
        file: steps.h5
        fields:
          sound: /{split}/sound
          word: {dataset: "/{split}/word", kind: ids}
          size: /{split}/size
      batch: {global: 8, micro: 3}
      modalities:
        sound: {field: sound, encoder: [{conv1d: {out: 4, kernel: 3, padding: 1}}, tanh]}
      heads:
        word: {layers: [{linear: 3}], loss: crossEntropy, target: word}
        twice: {layers: [{linear: 2}], loss: meanSquaredError, target: sound}
      optimizer: {adam: {learningRate: 0.05}}
      train: {epochs: 4}

      """

    private static let judge = """
      import csv, h5py, sys, numpy as np
      data, table, one = sys.argv[1:4]
      o, d = h5py.File(one), h5py.File(data)['test']
      offsets = d['word/offsets'][:]
      for head, y in [('word', 3), ('twice', 2)]:
          g = o[head]
          assert g['values'].dtype == 'f4' and g['offsets'].dtype == 'i8', head
          assert g['values'].shape == (offsets[-1], y) and (g['offsets'][:] == offsets).all(), head
          for other in sys.argv[4:]:
              h = h5py.File(other)[head]
              for name in g: assert (g[name][:] == h[name][:]).all(), (other, name)
      p, c = o['word/values'][:], o['word/class'][:]
      assert c.dtype == 'i8' and (c == p.argmax(1)).all() and abs(p.sum(1) - 1).max() < 1e-6
      assert 'class' not in o['twice'] and 'output' not in o['word']
      rows = list(csv.reader(open(table)))
      titles = 'sample,step,word,word[0],word[1],word[2],twice[0],twice[1]'
      assert rows[0] == titles.split(','), rows[0]
      where = [(s, t) for s in range(len(offsets) - 1) for t in range(offsets[s + 1] - offsets[s])]
      assert [(int(r[0]), int(r[1])) for r in rows[1:]] == where
      assert (np.array([r[2] for r in rows[1:]], int) == c).all()
      v = np.array([r[3:] for r in rows[1:]], 'f4')
      assert (v == np.hstack([p, o['twice/values'][:]])).all()
      print((c == d['word/values'][:]).mean() > 0.7)
      """

    private static let fixed = """
      name: fixed
      data:
        file: fixed.h5
        fields:
          now: {dataset: "/{split}/now", kind: ids}
          next: {dataset: "/{split}/next", kind: ids}
      batch: {global: 8, micro: 3}
      modalities: {now: {field: now, encoder: [{embedding: {vocabulary: 5, size: 8}}]}}
      heads: {next: {layers: [{linear: 5}], loss: crossEntropy, target: next}}
      optimizer: {adam: {learningRate: 0.1}}
      train: {epochs: 20}

      """

    /// To predict is to do without the labels, which would tell that there is one for each step.
    @Test func stepsOfOneLengthNeedNoTarget() throws {
      try withTemporaryFolder { folder in
        _ = try Python.run(
          """
          import h5py, sys, numpy as np
          rng = np.random.default_rng(4)
          with h5py.File(sys.argv[1], 'w') as f:
            f['train/now'] = rng.integers(0, 5, (30, 4))
            f['train/next'] = (f['train/now'][:] + 1) % 5
          """, [folder.file("fixed.h5")])
        let run = folder.file("run")
        let trained = try Aimass.train(folder.write(Self.fixed, to: "fixed.yaml"), output: run)
        #expect(trained.status == 0, "\(trained)")
        let result = try Aimass.run(
          ["predict", run, "--split", "train", "-o", folder.file("out.h5")])
        #expect(result.status == 0, "\(result)")
        let found = try Python.run(
          """
          import h5py, sys, numpy as np
          o, y = h5py.File(sys.argv[2])['next'], h5py.File(sys.argv[1])['train/next'][:]
          assert o['values'].shape == (120, 5) and (o['offsets'][:] == np.arange(31) * 4).all()
          assert abs(o['values'][:].sum(1) - 1).max() < 1e-6
          print((o['class'][:] == y.ravel()).mean() > 0.9)
          """, [folder.file("fixed.h5"), folder.file("out.h5")])
        #expect(found == "True\n")
      }
    }

    @Test func stepsAreEqualOnAnyNumberOfRanks() throws {
      try withTemporaryFolder { folder in
        _ = try Python.run(Self.make, [folder.file("steps.h5")])
        let configuration = try folder.write(Self.configuration, to: "steps.yaml")
        let run = folder.file("run")
        let trained = try Aimass.train(configuration, output: run)
        #expect(trained.status == 0, "\(trained)")
        var tables: [Data?] = []
        var arrays: [String] = []
        for ranks in [1, 2, 3] {
          for ending in ["csv", "h5"] {
            let path = folder.file("on-\(ranks).\(ending)")
            let result = try Aimass.run(ranks: ranks, ["predict", run, "-o", path])
            #expect(result.status == 0, "\(result)")
            if ending == "h5" { arrays.append(path) }
          }
          tables.append(FileManager.default.contents(atPath: folder.file("on-\(ranks).csv")))
        }
        #expect(tables[0] == tables[1] && tables[0] == tables[2] && tables[0] != nil)
        let found = try Python.run(
          Self.judge, [folder.file("steps.h5"), folder.file("on-1.csv")] + arrays)
        #expect(found == "True\n")
        let refused = try Aimass.run(["ensemble", run, run, "--head", "word"])
        expectRefusal(refused, 64, ["predicts every step"])
      }
    }
  }
}
