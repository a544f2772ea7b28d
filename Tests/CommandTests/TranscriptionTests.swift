import Foundation
import TestSupport
import Testing

extension LearningTests {
  /// Strings of words from sound files to text, the same from any number of ranks.
  @Suite(.serialized, .enabled(if: Python.has("h5py", "numpy"), "h5py is missing"))
  struct TranscriptionTests {
    private static let make = """
      import os, sys, wave, numpy as np
      os.makedirs(sys.argv[1] + '/clips')
      for take in range(4):
          for speaker, n in [('quick', 2), ('slow', 9)]:
              for word, pattern in [('one', [1, 1]), ('two', [-1, -1]), ('six', [1, -1])]:
                  x = np.resize(np.array(pattern) * (7000 + 300 * take), n).astype('<i2')
                  with wave.open(f'{sys.argv[1]}/clips/{word}_{speaker}_{take}.wav', 'wb') as w:
                      w.setnchannels(1); w.setsampwidth(2); w.setframerate(1000)
                      w.writeframes(x.tobytes())
      """

    private static let recipe = """
      name: words
      sources:
        clips: {sounds: {folder: clips, pattern: "{label}_{speaker}_{take}.wav"}}
        training: {concatenated: clips, where: {clips.take: 0...2}, same: speaker, clips: [1, 5],
                   silenceMilliseconds: [0, 1], samples: 90, seed: 1}
        testing: {concatenated: clips, where: {clips.take: 3}, same: speaker, clips: [1, 5],
                  silenceMilliseconds: [0, 1], samples: 40, seed: 2}
      splits:
        train: {sound: training, words: training}
        validation: {from: train, fraction: 0.2, seed: 1}
        test: {sound: testing, words: testing}
      fields:
        sound: {modality: sound}
        words: {modality: label}

      """

    private static let configuration = """
      name: words
      data: {file: words.h5}
      batch: {global: 16, micro: 3}
      modalities:
        sound:
          field: sound
          encoder: [{conv1d: {out: 8, kernel: 4, stride: 2, padding: 1}}, tanh, {gru: 8}]
      heads:
        text: {layers: [{linear: 4}], loss: ctc, target: words}
      optimizer: {adam: {learningRate: 0.02}}
      train: {epochs: 20}
      evaluate: {metrics: [tokenErrorRate, characterErrorRate, wordErrorRate], decoder: {beam: 4}}

      """

    private static let judge = """
      import csv, h5py, json, sys, numpy as np
      data, table, arrays, result, log = sys.argv[1:6]
      def lists(group, name):
          v, o = group[name][:], group['offsets'][:]
          return [v[a:b].tolist() for a, b in zip(o, o[1:])]
      def edits(a, b):
          row = list(range(len(b) + 1))
          for i, x in enumerate(a):
              left, row[0] = row[0], i + 1
              for j, y in enumerate(b):
                  left, row[j + 1] = row[j + 1], min(left + (x != y), row[j] + 1, row[j + 1] + 1)
          return row[-1]
      def rate(pairs): return sum(edits(*p) for p in pairs) / sum(len(p[1]) for p in pairs)
      def short(split):
          ends = np.diff(h5py.File(data)[split]['sound/offsets'][:])
          steps = [(t - 2) // 2 + 1 if t >= 2 else 0 for t in ends]
          truth = lists(h5py.File(data)[split]['words'], 'values')
          return sum(t < len(u) + sum(a == b for a, b in zip(u, u[1:])) for t, u in zip(steps, truth))
      d, p = h5py.File(data)['test'], h5py.File(arrays)['text']
      names = [c.decode() for c in d['words'].attrs['classes']]
      assert names == ['one', 'six', 'two'] and [c.decode() for c in p.attrs['classes']] == names
      assert p['ids'].dtype == 'i8' and p['offsets'].dtype == 'i8' and set(p) == {'ids', 'offsets'}
      found, truth = lists(p, 'ids'), lists(d['words'], 'values')
      text = [' '.join(names[i] for i in f) for f in found]
      wanted = [' '.join(names[i] for i in t) for t in truth]
      rows = list(csv.reader(open(table)))
      assert rows[0] == ['sample', 'text'], rows[0]
      assert rows[1:] == [[str(n), t] for n, t in enumerate(text)]
      r = json.loads(result)
      for name, pairs in [('tokenErrorRate', zip(found, truth)), ('characterErrorRate', zip(text, wanted)),
                          ('wordErrorRate', [(a.split(), b.split()) for a, b in zip(text, wanted)])]:
          assert abs(r[name] - rate(list(pairs))) < 1e-12, (name, r[name])
      assert r['tokenErrorRate'] == r['wordErrorRate'] < 0.7 and r['characterErrorRate'] != r['wordErrorRate']
      assert r['infeasibleSamples'] == short('test') > 0, (r, short('test'))
      told = [json.loads(line) for line in open(log)]
      counts = [t['infeasibleSamples'] for t in told if 'infeasibleSamples' in t and 'split' not in t]
      assert counts == [short('train')] * 20, (counts, short('train'))
      print('right')
      """

    @Test func wordsAreReadAndCounted() throws {
      try withTemporaryFolder { folder in
        _ = try Python.run(Self.make, [folder.path])
        let recipe = try folder.write(Self.recipe, to: "recipe.yaml")
        let data = folder.file("words.h5")
        let prepared = try Aimass.run(
          ranks: 2, ["prepare", recipe, "-o", data, "--root", folder.path])
        #expect(prepared.status == 0, "\(prepared)")
        let configuration = try folder.write(Self.configuration, to: "words.yaml")
        var digests: Set<String> = []
        for ranks in 1...3 {
          let trained = try Aimass.train(
            configuration, ranks: ranks, output: folder.file("\(ranks)"))
          #expect(trained.status == 0, "\(trained)")
          #expect(trained.output.contains("training samples have fewer steps than the ids of head"))
          let digest = trained.output.split(separator: "\n").first { $0.hasPrefix("parameters ") }
          digests.insert(String(try #require(digest)))
        }
        #expect(digests.count == 1)
        try readAndJudge(folder, data: data)
      }
    }

    /// Measures and predicts by both decoders on one rank and on three, and computes the same from the files.
    private func readAndJudge(_ folder: TemporaryFolder, data: String) throws {
      var results: [String: Set<String>] = [:]
      for ranks in [1, 3] {
        for more in [[], ["--beam", "1"]] {
          let measured = try Aimass.run(
            ranks: ranks, ["evaluate", folder.file("1"), "--json"] + more)
          #expect(measured.status == 0, "\(measured)")
          for ending in ["csv", "h5"] {
            let path = folder.file("\(ranks)\(more.count).\(ending)")
            let result = try Aimass.run(
              ranks: ranks, ["predict", folder.file("1"), "-o", path] + more)
            #expect(result.status == 0, "\(result)")
          }
          results[more.joined(), default: []].insert(measured.output)
          let said = try Python.run(
            Self.judge,
            [
              data, folder.file("\(ranks)\(more.count).csv"),
              folder.file("\(ranks)\(more.count).h5"), measured.output,
              folder.file("1/metrics.jsonl"),
            ])
          #expect(said == "right\n")
        }
      }
      #expect(results.values.allSatisfy { $0.count == 1 })
    }

    @Test func widthsThatCannotBeAreRefused() throws {
      let result = try Aimass.run(["predict", "run", "-o", "x.csv", "--beam", "0"])
      #expect(result.status == 64 && result.errors.contains("1 ... 4096"), "\(result)")
    }
  }
}
