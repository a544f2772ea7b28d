import Foundation
import TestSupport
import Testing

extension JobTests {
  /// A recurrent state that is carried along streams of text: training, evaluation, prediction, resuming.
  @Suite(.serialized) struct StreamTests {
    /// Streams of the training split: four microbatches of 3.
    static let streams = 12

    /// Steps of an epoch: windows of 5 characters in each of the streams.
    static let stepsPerEpoch = 40

    private static let recipe = """
      name: streams
      sources:
        trainText: {corpus: text.txt, share: [0, 0.8], tokens: characters, length: 5, streams: 12}
        validationText: {corpus: text.txt, share: [0.8, 0.9], like: trainText, streams: 8}
        testText: {corpus: text.txt, share: [0.9, 1], like: trainText, streams: 5}
      splits:
        train: {ids: trainText.inputs, next: trainText.targets}
        validation: {ids: validationText.inputs, next: validationText.targets}
        test: {ids: testText.inputs, next: testText.targets}
      fields:
        ids: {modality: ids}
        next: {modality: ids}

      """

    private static let configuration = """
      name: streams
      seed: 7
      data: {file: streams.h5, shuffle: none}
      batch: {global: 12, micro: 3}
      modalities:
        text:
          field: ids
          encoder:
            - embedding: {size: 6}
            - lstm: {hidden: 7, layers: 2, dropout: 0.2, carry: true}
            - gru: {hidden: 5, carry: true}
      heads:
        next: {layers: [{linear: 9}], loss: crossEntropy, target: next}
      optimizer: {adam: {learningRate: 0.01}}
      train: {epochs: 2, clipNorm: 1}
      evaluate: {everySteps: 13, metrics: [accuracy]}

      """

    /// A walk round eight letters that turns about now and then.
    private static let text: String = {
      var (place, direction) = (0, 1)
      var state: UInt64 = 1
      let letters = (0..<12 * 5 * stepsPerEpoch * 5 / 4 + 5).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        if state >> 58 == 0 { direction = -direction }
        place = (place + direction) & 7
        return Character(UnicodeScalar(UInt8(97 + place)))
      }
      return String(letters)
    }()

    /// Prepares the text in a folder and writes the configuration beside it.
    private func make(_ folder: TemporaryFolder, recipe: String = recipe) throws -> String {
      _ = try folder.write(Self.text, to: "text.txt")
      let recipe = try folder.write(recipe, to: "recipe.yaml")
      let prepared = try Aimass.run(
        ["prepare", recipe, "-o", folder.file("streams.h5"), "--root", folder.path])
      #expect(prepared.status == 0, "\(prepared)")
      return try folder.write(Self.configuration, to: "streams.yaml")
    }

    @Test(arguments: [
      [],
      // Members of a group go through the model in lockstep, each with its own states.
      ["modalities.text.encoder.2={batchNorm: {sync: 2}}"],
      // The last microbatch is smaller than the others.
      ["batch.micro=5"],
      ["train.ema=0.9", "exchange.copies=rank"],
    ])
    func theBitsAreEqualOnAnyNumberOfRanks(settings: [String]) throws {
      try withTemporaryFolder { folder in
        let configuration = try make(folder)
        var first: (run: Run, evaluation: String, table: Data?)?
        for ranks in settings == ["batch.micro=5"] ? [1, 3] : [1, 2, 3, 4] {
          let run = Run(path: folder.file("on-\(ranks)"))
          let trained = try Aimass.train(
            configuration, ranks: ranks, output: run.path, set: settings)
          #expect(trained.status == 0 && trained.leftovers.isEmpty, "\(trained)")
          #expect(run.steps == Array(1...2 * Self.stepsPerEpoch))
          let judged = try Aimass.run(ranks: ranks, ["evaluate", run.path, "--json"])
          #expect(judged.status == 0, "\(judged)")
          let table = folder.file("on-\(ranks).csv")
          let predicted = try Aimass.run(ranks: ranks, ["predict", run.path, "-o", table])
          #expect(predicted.status == 0, "\(predicted)")
          let bytes = FileManager.default.contents(atPath: table)
          guard let first else {
            first = (run, judged.output, bytes)
            continue
          }
          #expect(run.digest == first.run.digest && run.digest.count == 64, "\(ranks) ranks")
          #expect(run.history == first.run.history, "\(ranks) ranks")
          #expect(judged.output == first.evaluation, "\(ranks) ranks")
          #expect(bytes == first.table && bytes != nil, "\(ranks) ranks")
        }
      }
    }

    /// A stream read in one long window, or in seven with the state between them, gives the same predictions.
    @Test func evaluationReadsThroughItsStreams() throws {
      try withTemporaryFolder { folder in
        let configuration = try make(folder)
        let run = folder.file("run")
        let trained = try Aimass.train(configuration, output: run)
        #expect(trained.status == 0, "\(trained)")
        let recipe = try folder.write(
          Self.recipe.replacingOccurrences(of: "length: 5", with: "length: 35"), to: "long.yaml")
        let prepared = try Aimass.run(
          ["prepare", recipe, "-o", folder.file("long.h5"), "--root", folder.path])
        #expect(prepared.status == 0, "\(prepared)")
        let found = try [[], ["--data", folder.file("long.h5")]].map { data in
          let result = try Aimass.run(
            ranks: 2, ["evaluate", run, "--split", "validation", "--json"] + data)
          #expect(result.status == 0, "\(result)")
          let object = try JSONSerialization.jsonObject(with: Data(result.output.utf8))
          return try #require(object as? [String: Any])
        }
        #expect(found.map { $0["samples"] as? Int } == [280, 280])
        #expect(found[0]["accuracy"] as? Double == found[1]["accuracy"] as? Double)
        let losses = try found.map { try #require($0["loss"] as? Double) }
        #expect(abs(losses[0] - losses[1]) < 1e-6 * losses[0], "\(losses)")
      }
    }

    private static let interrupted = ["train.epochs=4", "checkpoint={everySteps: 7, keep: 2}"]

    /// Interrupted in the middle of an epoch, and resumed where microbatches go to other ranks.
    @Test(arguments: [Interruption.Kind.save, .kill], [(2, 3), (4, 1), (3, 4)])
    func anInterruptedRunGoesOnExactly(kind: Interruption.Kind, ranks: (Int, Int)) throws {
      try withTemporaryFolder { folder in
        let configuration = try make(folder)
        let straight = Run(path: folder.file("straight"))
        let whole = try Aimass.train(configuration, output: straight.path, set: Self.interrupted)
        #expect(whole.status == 0, "\(whole)")
        let broken = Run(path: folder.file("broken"))
        let stopped = try Interruption.run(
          kind, after: 60, of: broken.path,
          Aimass.trainArguments(
            configuration, ranks: ranks.0, output: broken.path, set: Self.interrupted))
        #expect(stopped.status == (kind == .save ? 75 : 70), "\(stopped)")
        #expect(broken.summary == nil, "\(stopped)")
        let resumed = try Aimass.train(
          configuration, ranks: ranks.1, output: broken.path, set: Self.interrupted)
        #expect(resumed.status == 0, "\(resumed)")
        #expect(resumed.lines(with: "resuming after step").count == 1, "\(resumed)")
        #expect(broken.digest == straight.digest)
        #expect(broken.history == straight.history)
      }
    }

    /// Sets the carried states of a checkpoint to zero, or only reads and seals it again.
    private static let reseal = """
      import hashlib, json, os, struct, sys
      folder, clears = sys.argv[1], sys.argv[2] == 'clear'
      path = os.path.join(folder, 'manifest.json')
      manifest = json.load(open(path))
      assert manifest['version'] == 3 and manifest['lengths'] == {'carried': 12 * (4 * 7 + 5)}
      found = 0
      for shard in manifest['shards']:
          file = os.path.join(folder, shard['file'])
          data = bytearray(open(file, 'rb').read())
          size = struct.unpack('<Q', data[:8])[0]
          for name, entry in json.loads(data[8:8 + size]).items():
              if not name.startswith('carried@'): continue
              begin, end = (8 + size + x for x in entry['data_offsets'])
              assert any(data[begin:end])
              found += (end - begin) // 4
              if clears: data[begin:end] = bytes(end - begin)
          open(file, 'wb').write(data)
          shard['sha256'] = hashlib.sha256(data).hexdigest()
      assert found == manifest['lengths']['carried'], found
      text = json.dumps(manifest).encode()
      open(path, 'wb').write(text)
      open(os.path.join(folder, 'COMMIT'), 'w').write(hashlib.sha256(text).hexdigest() + '\\n')
      """

    /// What the states in a checkpoint are for: without them the run goes another way.
    @Test func withoutItsStatesACheckpointLeadsElsewhere() throws {
      try withTemporaryFolder { folder in
        let configuration = try make(folder)
        // Step 20 is in the middle of the epoch, step 40 at its end, where streams begin anew.
        for (stop, clears, isSame) in [
          (20, "keep", true), (20, "clear", false), (40, "clear", true),
        ] {
          let run = Run(path: folder.file("run-\(stop)-\(clears)"))
          for steps in [stop, 60] {
            let result = try Aimass.train(
              configuration, ranks: 2, output: run.path,
              set: ["train={steps: \(steps), clipNorm: 1}"])
            #expect(result.status == 0, "\(result)")
            guard steps == stop else { continue }
            let newest = try #require(run.checkpoints.last)
            _ = try Python.run(Self.reseal, [run.path + "/checkpoints/" + newest, clears])
          }
          let straight = Run(path: folder.file("straight-\(stop)-\(clears)"))
          let whole = try Aimass.train(
            configuration, output: straight.path, set: ["train={steps: 60, clipNorm: 1}"])
          #expect(whole.status == 0, "\(whole)")
          #expect((run.digest == straight.digest) == isSame, "step \(stop), \(clears)")
        }
      }
    }

    /// One wrong setting and what the message must name.
    struct Wrong: CustomTestStringConvertible, Sendable {
      let setting: String
      let words: [String]
      var status: Int32 = 78
      var testDescription: String { setting }
    }

    @Test(arguments: [
      Wrong(setting: "data.shuffle=full", words: ["data.shuffle", "carry", "none"]),
      Wrong(
        setting: "batch.global=24",
        words: ["batch.global", "12", "streams of the training split", "24"]),
      Wrong(
        setting: "modalities.text.encoder.1.lstm.bidirectional=true",
        words: ["carry", "bidirectional"]),
    ])
    func whatCannotWorkIsRefused(wrong: Wrong) throws {
      try withTemporaryFolder { folder in
        let configuration = try make(folder)
        let result = try Aimass.train(
          configuration, ranks: 2, output: folder.file("run"), set: [wrong.setting])
        expectRefusal(result, wrong.status, wrong.words)
      }
    }

    @Test func windowsThatStandAloneAreRefused() throws {
      try withTemporaryFolder { folder in
        let configuration = try make(
          folder,
          recipe: Self.recipe.replacingOccurrences(
            of: "like: trainText, streams: 8", with: "like: trainText"))
        let result = try Aimass.train(configuration, output: folder.file("run"))
        expectRefusal(result, 65, ["validation split", "streams"])
        let plan = try Aimass.run(["plan", configuration, "--ranks", "2"])
        expectRefusal(plan, 65, ["validation split", "streams"])
      }
    }

    @Test func thePlanCountsTheStates() throws {
      try withTemporaryFolder { folder in
        let plan = try Aimass.run(["plan", make(folder), "--ranks", "3"])
        #expect(plan.status == 0, "\(plan)")
        // Two halves of two microbatches of 3 rows of 4 · 7 + 5 floats.
        #expect(plan.lines(with: "carried states").first?.contains("1.55 KiB") == true, "\(plan)")
      }
    }
  }
}
