import Foundation
import TestSupport
import Testing

extension LearningTests {
  /// Contrast over the global batch against PyTorch in one process.
  @Suite(
    .serialized,
    .enabled(if: Python.has("numpy", "h5py", "torch"), "numpy, h5py or torch is missing"))
  struct CouplingTests {
    /// 70 samples, some without the second modality; the batch is all of them, in microbatches of 6.
    private static let configuration: Result<String, any Error> = Result {
      let data = try Shelf.file("coupled.h5")
      _ = try Python.run(drawing, [data])
      let path = try Shelf.file("coupled.yaml")
      try """
      name: coupled
      seed: 3
      data: {file: coupled.h5}
      batch: {global: 70, micro: 6}
      modalities:
        a: {field: a, encoder: [{linear: {out: 6}}, tanh]}
        b: {field: b, encoder: [{linear: {out: 6}}, tanh]}
      coupling:
        infoNCE:
          between: [a, b]
          projections: {a: [{linear: {out: 3}}], b: [{linear: {out: 3}}]}
          temperature: {initial: 0.2, maximumScale: 100}
          weight: 0.7
          maskSame: item
          popularity: item
      heads:
        y: {layers: [{linear: {out: 4}}], loss: crossEntropy, target: label}
      optimizer: {sgd: {learningRate: 0.5}}
      train: {steps: 1}

      """.write(toFile: path, atomically: true, encoding: .utf8)
      return path
    }

    private static let drawing = """
      import sys, h5py, numpy as np
      rng = np.random.default_rng(5)
      with h5py.File(sys.argv[1], 'w', libver=('v110', 'v110')) as f:
        for name, count in (('train', 70), ('test', 41)):
          g = f.create_group(name)
          g['a'] = rng.normal(size=(count, 5)).astype('<f4')
          present = (rng.random(count) > 0.3).astype('u1')
          b = g.create_group('b')
          b['values'] = rng.normal(size=(count, 4)).astype('<f4') * present[:, None]
          b['present'] = present
          for key, classes in (('label', 4), ('item', 30)):
            d = g.create_dataset(key, data=rng.integers(0, classes, count).astype('<i8'))
            d.attrs['modality'], d.attrs['classes'] = 'ids', np.int64(classes)
          g['label'].attrs['modality'] = 'label'
      """

    /// The step in Float64: prints the largest difference of a parameter's gradient, the largest gradient,
    /// the loss, and the metrics of the test split after the step.
    private static let oracle = """
      import sys, glob, json, struct, h5py, numpy as np, torch
      import torch.nn.functional as F
      torch.set_default_dtype(torch.float64)
      sizes = [(6, 5), (6,), (6, 4), (6,), (1,), (3, 6), (3,), (3, 6), (3,), (4, 12), (4,)]
      def load(run):
        out = np.full(sum(int(np.prod(s)) for s in sizes), np.nan, np.float32)
        for name in glob.glob(sorted(glob.glob(run + '/checkpoints/step-*'))[-1] + '/*.safetensors'):
          raw = open(name, 'rb').read()
          size = struct.unpack('<Q', raw[:8])[0]
          for key, entry in json.loads(raw[8:8 + size]).items():
            if not key.startswith('parameters@'): continue
            start, (a, b) = int(key.split('@')[1]), entry['data_offsets']
            values = np.frombuffer(raw[8 + size + a:8 + size + b], '<f4')
            out[start:start + len(values)] = values
        parts, start = [], 0
        for shape in sizes:
          n = int(np.prod(shape))
          parts.append(torch.tensor(out[start:start + n].astype('f8').reshape(shape), requires_grad=True))
          start += n
        return parts
      f = h5py.File(sys.argv[1])
      counts = np.bincount(f['train/item'][:], minlength=30)
      def loss(p, split, corrects):
        g = f[split]
        a, b = torch.tensor(g['a'][:].astype('f8')), torch.tensor(g['b/values'][:].astype('f8'))
        there = torch.tensor(g['b/present'][:] == 1)
        item, label = torch.tensor(g['item'][:]), torch.tensor(g['label'][:])
        ha, hb = torch.tanh(F.linear(a, p[0], p[1])), torch.tanh(F.linear(b, p[2], p[3]))
        hb = hb * there[:, None]
        head = F.cross_entropy(F.linear(torch.cat([ha, hb], 1), p[9], p[10]), label)
        A = F.normalize(F.linear(ha, p[5], p[6]), dim=1)[there]
        B = F.normalize(F.linear(hb, p[7], p[8]), dim=1)[there]
        z = p[4].exp() * A @ B.T
        item = item[there]
        same = (item[:, None] == item[None, :]) & ~torch.eye(len(item), dtype=bool)
        z = z.masked_fill(same, -float('inf'))
        q = torch.tensor(np.log(np.maximum(counts, 1) / counts.sum()))[item] if corrects else torch.zeros(len(item))
        y = torch.arange(len(item))
        contrast = (F.cross_entropy(z - q[None, :], y) + F.cross_entropy(z.T, y)) / 2
        found = []
        for scores in (z, z.T):
          better = (scores >= scores.diag()[:, None]).sum(1) - 1
          found += [float((better < k).double().mean()) for k in (1, 5)]
        return head + 0.7 * contrast, contrast, found
      before, after = load(sys.argv[2]), load(sys.argv[3])
      total, _, _ = loss(before, 'train', True)
      total.backward()
      pairs = [((b - a) / 0.5, b.grad) for a, b in zip(after, before)]
      with torch.no_grad():
        _, test, found = loss(after, 'test', False)
        print(max(float(abs(x - y).max()) for x, y in pairs), max(float(y.abs().max()) for _, y in pairs),
              float(before[4].grad.abs().max()), float(total), float(test), *found)
      """

    @Test func aStepIsThatOfTorchOnAnyNumberOfRanks() throws {
      try withTemporaryFolder { folder in
        let before = folder.file("before")
        let still = try Aimass.train(
          Self.configuration.get(), output: before,
          set: ["optimizer={sgd: {learningRate: 1.0e-30}}"])
        #expect(still.status == 0, "\(still)")
        var digests: Set<String> = []
        var evaluations: Set<String> = []
        // 12 microbatches, so that some of 5 ranks compute one more than others.
        for ranks in [1, 2, 4, 5] {
          let run = Run(path: folder.file("on-\(ranks)"))
          let result = try Aimass.train(Self.configuration.get(), ranks: ranks, output: run.path)
          #expect(result.status == 0 && result.leftovers.isEmpty, "\(result)")
          digests.insert(run.digest)
          let judged = try Aimass.run(ranks: ranks, ["evaluate", run.path, "--json"])
          #expect(judged.status == 0, "\(judged)")
          evaluations.insert(judged.output)
        }
        #expect(digests.count == 1 && evaluations.count == 1, "\(digests) \(evaluations)")
        let text = try Python.run(
          Self.oracle, [Shelf.file("coupled.h5"), before, folder.file("on-4")])
        let numbers = text.split(whereSeparator: \.isWhitespace).compactMap { Double($0) }
        try #require(numbers.count == 9, "\(text)")
        #expect(numbers[0] < 1e-5 && numbers[1] > 0.05 && numbers[2] > 1e-3, "\(text)")
        let loss = Run(path: before).lines.first?["loss"] as? Double ?? .nan
        #expect(abs(loss - numbers[3]) < 1e-5, "\(loss) \(text)")
        try check(evaluations.first ?? "", Array(numbers[4...]))
      }
    }

    /// The step with covariances in Float64: the largest difference of a parameter's gradient, the largest
    /// gradient of a projection, the loss, and the coupling's loss of the test split after the step.
    private static let alignment = """

      sizes = [s for s in sizes if s != (1,)]
      def loss(p, split):
        g = f[split]
        a, b = torch.tensor(g['a'][:].astype('f8')), torch.tensor(g['b/values'][:].astype('f8'))
        there = torch.tensor(g['b/present'][:] == 1)
        ha, hb = torch.tanh(F.linear(a, p[0], p[1])), torch.tanh(F.linear(b, p[2], p[3]))
        hb = hb * there[:, None]
        head = F.cross_entropy(F.linear(torch.cat([ha, hb], 1), p[8], p[9]), torch.tensor(g['label'][:]))
        A, B = F.linear(ha, p[4], p[5])[there], F.linear(hb, p[6], p[7])[there]
        coral = (torch.cov(A.T) - torch.cov(B.T)).square().sum() / (4 * 3 ** 2)
        return head + 30 * coral, coral
      before, after = load(sys.argv[2]), load(sys.argv[3])
      total, _ = loss(before, 'train')
      total.backward()
      pairs = [((b - a) / 0.5, b.grad) for a, b in zip(after, before)]
      with torch.no_grad():
        print(max(float(abs(x - y).max()) for x, y in pairs), float(before[4].grad.abs().max()),
              float(total), float(loss(after, 'test')[1]))
      """

    @Test func covariancesAreThoseOfTorchOnAnyNumberOfRanks() throws {
      try withTemporaryFolder { folder in
        let coral = [
          "coupling={coral: {between: [a, b], weight: 30, projections: "
            + "{a: [{linear: {out: 3}}], b: [{linear: {out: 3}}]}}}"
        ]
        let before = folder.file("before")
        let still = try Aimass.train(
          Self.configuration.get(), output: before,
          set: coral + ["optimizer={sgd: {learningRate: 1.0e-30}}"])
        #expect(still.status == 0, "\(still)")
        var found: Set<String> = []
        var evaluation = ""
        for ranks in [1, 4, 5] {
          let run = Run(path: folder.file("on-\(ranks)"))
          let result = try Aimass.train(
            Self.configuration.get(), ranks: ranks, output: run.path, set: coral)
          #expect(result.status == 0 && result.leftovers.isEmpty, "\(result)")
          let judged = try Aimass.run(ranks: ranks, ["evaluate", run.path, "--json"])
          #expect(judged.status == 0, "\(judged)")
          evaluation = judged.output
          found.insert(run.digest + judged.output)
        }
        #expect(found.count == 1, "\(found)")
        let shared = Self.oracle.components(separatedBy: "counts = ")[0]
        let text = try Python.run(
          shared + Self.alignment, [Shelf.file("coupled.h5"), before, folder.file("on-4")])
        let numbers = text.split(whereSeparator: \.isWhitespace).compactMap { Double($0) }
        try #require(numbers.count == 4, "\(text)")
        #expect(numbers[0] < 1e-5 && numbers[1] > 1e-2, "\(text)")
        let loss = Run(path: before).lines.first?["loss"] as? Double ?? .nan
        #expect(abs(loss - numbers[2]) < 1e-5, "\(loss) \(text)")
        let json =
          try JSONSerialization.jsonObject(with: Data(evaluation.utf8)) as? [String: Any]
        let heads = json?["heads"] as? [String: Any]
        let coupling = try #require(heads?["coupling"] as? [String: Double], "\(evaluation)")
        #expect(coupling.count == 1, "a distance of covariances has no metrics: \(coupling)")
        #expect(abs((coupling["loss"] ?? .nan) - numbers[3]) < 1e-6, "\(coupling) \(text)")
      }
    }

    /// The evaluation's own numbers of the coupling.
    private func check(_ evaluation: String, _ expected: [Double]) throws {
      let json = try JSONSerialization.jsonObject(with: Data(evaluation.utf8)) as? [String: Any]
      let heads = json?["heads"] as? [String: Any]
      let coupling = try #require(heads?["coupling"] as? [String: Double], "\(evaluation)")
      let names = [
        "loss", "retrieval@1", "retrieval@5", "reverseRetrieval@1", "reverseRetrieval@5",
      ]
      for (name, value) in zip(names, expected) {
        #expect(abs((coupling[name] ?? .nan) - value) < 1e-5, "\(name): \(evaluation) \(value)")
      }
    }

    @Test func towersWithoutHeadsTrainAndRank() throws {
      try withTemporaryFolder { folder in
        _ = try Interactions.file.get()
        let path = try Shelf.file("towers.yaml")
        try """
        name: towers
        seed: 3
        data: {file: interactions.h5}
        batch: {global: 200, micro: 50}
        modalities:
          user: {field: user, encoder: [{embedding: {size: 6, deviation: 0.1}}]}
          item: {field: item, encoder: [{embedding: {size: 6, deviation: 0.1}}]}
        coupling: {infoNCE: {between: [user, item], maskSame: item, popularity: item}}
        optimizer: {adam: {learningRate: 0.02}}
        train: {epochs: 4}

        """.write(toFile: path, atomically: true, encoding: .utf8)
        var found: Set<String> = []
        for ranks in [1, 3] {
          let run = Run(path: folder.file("on-\(ranks)"))
          let result = try Aimass.train(path, ranks: ranks, output: run.path)
          #expect(result.status == 0 && result.leftovers.isEmpty, "\(result)")
          let judged = try Aimass.run(
            ranks: ranks, ["evaluate", run.path, "--json", "--metric", "recall@5"])
          #expect(judged.status == 0 && judged.output.contains("recall@5"), "\(judged)")
          found.insert(run.digest + judged.output)
          let losses = run.lines.compactMap { $0["loss"] as? Double }
          #expect((losses.last ?? .nan) < (losses.first ?? .nan) - 0.1, "\(losses)")
        }
        #expect(found.count == 1, "\(found)")
        let refused = try Aimass.run(
          ["predict", folder.file("on-1"), "-o", folder.file("out.csv")])
        #expect(refused.status == 64 && refused.errors.contains("no heads"), "\(refused)")
      }
    }
  }
}
