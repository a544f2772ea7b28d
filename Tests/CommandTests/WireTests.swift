import Foundation
import TestSupport
import Testing

/// Nodes with a network between them, made on this machine.
private enum VirtualNodes {
  static let script = Checkout.folder + "/launch/virtual-nodes"

  /// Whether this machine permits them.
  static let arePossible =
    (try? runProcess(script, ["with", "1", "--", "true"], timeout: 60))?.status == 0

  static func train(
    _ configuration: String, slots: [Int], output: String, set: [String]
  ) throws -> ProcessResult {
    let words = Aimass.trainArguments(configuration, ranks: 1, output: output, set: set)
      .filter { $0 != "--ranks" && $0 != "1" }
    let shape = ["with", "\(slots.count)", "--slots", slots.map { "\($0)" }.joined(separator: ",")]
    return try runProcess(
      script, shape + ["--", Aimass.program] + words, environment: Aimass.variables([:]),
      timeout: Aimass.patience)
  }
}

extension JobTests {
  /// What travels between nodes in other forms.
  @Suite(.serialized) struct WireTests {
    static let plain = "optimizer={sgd: {learningRate: 0.05}}"
    static let topK = "exchange.wire={topK: {density: 0.01, momentum: 0.5, warmupSteps: 9}}"

    /// Residuals are part of the state of a run.
    @Test(arguments: [1, 2]) func aRunThatOwesEntriesGoesOnExactly(ranks: Int) throws {
      try withTemporaryFolder { folder in
        let configuration = try Shelf.glyphs.get()
        let settings = [Self.plain, Self.topK]
        let straight = Run(path: folder.file("straight"))
        let whole = try Aimass.train(
          configuration, ranks: ranks, output: straight.path, set: settings)
        #expect(whole.status == 0, "\(whole)")
        let broken = Run(path: folder.file("broken"))
        for epochs in 1...2 {
          let part = try Aimass.train(
            configuration, ranks: ranks, output: broken.path,
            set: settings + ["train.epochs=\(epochs)"])
          #expect(part.status == 0, "\(part)")
        }
        #expect(broken.digest == straight.digest)
        #expect(broken.summary?["wireBytes"] as? Int == 0)
      }
    }

    @Test(.enabled(if: VirtualNodes.arePossible, "needs root and network namespaces"))
    func formsAreShorterAndFloat32ChangesNoBit() throws {
      try withTemporaryFolder { folder in
        let configuration = try Shelf.glyphs.get()
        let alone = Run(path: folder.file("alone"))
        let result = try Aimass.train(configuration, output: alone.path, set: [Self.plain])
        #expect(result.status == 0, "\(result)")
        var bytes: [Int] = []
        for (name, form) in [
          ("float32", "exchange.wire=float32"), ("bfloat16", "exchange.wire=bfloat16"),
          ("topK", Self.topK),
        ] {
          let run = Run(path: folder.file(name))
          let trained = try VirtualNodes.train(
            configuration, slots: [2, 1], output: run.path, set: [Self.plain, form])
          #expect(trained.status == 0, "\(trained)")
          bytes.append(run.summary?["wireBytes"] as? Int ?? 0)
          #expect((run.digest == alone.digest) == (name == "float32"), "\(name)")
        }
        #expect(bytes[0] > 0 && Double(bytes[1]) < 0.8 * Double(bytes[0]), "\(bytes)")
        #expect(bytes[2] > 0 && Double(bytes[2]) < 0.5 * Double(bytes[0]), "\(bytes)")
      }
    }

    /// Rewrites a checkpoint of several nodes as one of a single node, which owes their sum.
    private static let adder = """
      import hashlib, json, pathlib, struct, sys, numpy as np
      from safetensors.numpy import load_file, save_file
      for step in sorted(pathlib.Path(sys.argv[1]).glob('checkpoints/step-*')):
          manifest = step / 'manifest.json'
          text = json.loads(manifest.read_text())
          sums = {}
          for shard in text['shards']:
              tensors = load_file(step / shard['file'])
              for name, values in tensors.items():
                  if name.startswith('wire.'):
                      array, start = name.split('@')
                      kind, node = array.rsplit('.', 1)
                      whole = sums.setdefault(kind, {}).setdefault(
                          node, np.zeros(text['parameterCount'], 'f4'))
                      whole[int(start):int(start) + len(values)] = values
          assert len(sums) == 2 and all(len(nodes) == 2 for nodes in sums.values()), sums.keys()
          for number, shard in enumerate(text['shards']):
              path = step / shard['file']
              tensors = {n: v for n, v in load_file(path).items() if not n.startswith('wire.')}
              shard['arrays'] = [a for a in shard['arrays'] if not a['name'].startswith('wire.')]
              for kind, nodes in sums.items() if number == 0 else []:
                  total = sum(nodes[n] for n in sorted(nodes))
                  assert all(abs(v).max() > 0 for v in nodes.values())
                  tensors[kind + '.0-of-1@0'] = total
                  shard['arrays'].append({'name': kind + '.0-of-1', 'start': 0, 'count': len(total)})
              save_file(tensors, path)
              shard['bytes'] = path.stat().st_size
              shard['sha256'] = hashlib.sha256(path.read_bytes()).hexdigest()
          manifest.write_text(json.dumps(text))
          (step / 'COMMIT').write_text(hashlib.sha256(manifest.read_bytes()).hexdigest() + '\\n')
      """

    /// What two nodes owe is owed by the one there is later, to the last bit; nothing is lost.
    @Test(.enabled(if: Python.has("safetensors", "numpy"), "safetensors is missing"))
    func oneNodeTakesOverWhatTwoHaveOwed() throws {
      try withTemporaryFolder { folder in
        let settings = [Self.plain, Self.topK, "exchange.copies=rank"]
        func train(_ name: String, epochs: Int, ranks: Int) throws -> ProcessResult {
          let result = try Aimass.train(
            Shelf.glyphs.get(), ranks: ranks, output: folder.file(name),
            set: settings + ["train.epochs=\(epochs)"])
          #expect(result.status == 0, "\(result)")
          return result
        }
        for name in ["elastic", "added"] { _ = try train(name, epochs: 1, ranks: 2) }
        _ = try Python.run(Self.adder, [folder.file("added")])
        let elastic = try train("elastic", epochs: 2, ranks: 1)
        #expect(elastic.lines(with: "the first one owes").count == 1, "\(elastic)")
        let added = try train("added", epochs: 2, ranks: 1)
        #expect(added.lines(with: "residuals").isEmpty, "\(added)")
        let digests = ["elastic", "added"].map { Run(path: folder.file($0)).digest }
        #expect(digests[0] == digests[1])
      }
    }

    @Test(.enabled(if: VirtualNodes.arePossible, "needs root and network namespaces"))
    func residualsStayWithTheirNodesOnly() throws {
      try withTemporaryFolder { folder in
        let configuration = try Shelf.glyphs.get()
        func train(_ name: String, epochs: Int, slots: [Int]) throws -> ProcessResult {
          let result = try VirtualNodes.train(
            configuration, slots: slots, output: folder.file(name),
            set: [Self.plain, Self.topK, "train.epochs=\(epochs)"])
          #expect(result.status == 0, "\(result)")
          return result
        }
        _ = try train("straight", epochs: 2, slots: [1, 1])
        _ = try train("broken", epochs: 1, slots: [1, 1])
        let same = try train("broken", epochs: 2, slots: [1, 1])
        #expect(same.lines(with: "no residuals").isEmpty, "\(same)")
        let digests = ["straight", "broken"].map { Run(path: folder.file($0)).digest }
        #expect(digests[0] == digests[1])
        let other = try train("broken", epochs: 3, slots: [3])
        #expect(!other.lines(with: "holds residuals of 2 nodes").isEmpty, "\(other)")
      }
    }
  }
}
