import Foundation
import TestSupport
import Testing

extension LearningTests {
  /// Runs that learn from other runs.
  @Suite(.serialized) struct DistillationTests {
    /// A teacher of the glyphs, and a student of a smaller network with its settings.
    private func withTeacher(
      _ set: [String] = [], _ body: (TemporaryFolder, _ settings: [String]) throws -> Void
    ) throws {
      try withTemporaryFolder { folder in
        let teacher = folder.file("teacher")
        let result = try Aimass.train(Shelf.glyphs.get(), output: teacher, set: set)
        #expect(result.status == 0, "\(result)")
        try body(
          folder,
          [
            "distillation={teachers: \(teacher), temperature: 3, alpha: 0.6}",
            "heads.digit.layers.0.linear.out=20", "modalities.table=null",
          ])
      }
    }

    /// The files that keep what teachers said.
    private func kept(_ run: String) -> [String] {
      let names = try? FileManager.default.contentsOfDirectory(atPath: run + "/teachers")
      return (names ?? []).sorted()
    }

    @Test func theBitsDoNotDependOnTheRanksNorOnWhatIsKept() throws {
      try withTeacher { folder, settings in
        let second = folder.file("second")
        let other = try Aimass.train(Shelf.glyphs.get(), output: second, set: ["seed=3"])
        #expect(other.status == 0, "\(other)")
        let both = "distillation.teachers=[\(folder.file("teacher")), \(second)]"
        var first: Run?
        for ranks in [1, 2, 3, 4] {
          let run = Run(path: folder.file("on-\(ranks)"))
          // The last one finds what the third has computed.
          let cache = "distillation.cache=\(folder.file(ranks < 3 ? "own-\(ranks)" : "shared"))"
          let result = try Aimass.train(
            Shelf.glyphs.get(), ranks: ranks, output: run.path, set: settings + [both, cache])
          #expect(result.status == 0 && result.leftovers.isEmpty, "\(result)")
          let isComputed = result.lines(with: "computing outputs for 333 samples").count == 2
          #expect(isComputed == (ranks < 4), "\(result)")
          guard let first else {
            first = run
            continue
          }
          #expect(run.digest == first.digest && run.history == first.history, "\(ranks) ranks")
        }
        let summary = first?.summary?["distillation"] as? [String: Any]
        #expect((summary?["teachers"] as? [[String: Any]])?.count == 2)
        let alone = Run(path: folder.file("alone"))
        let plain = try Aimass.train(
          Shelf.glyphs.get(), output: alone.path, set: settings + ["distillation=null"])
        #expect(plain.status == 0 && alone.digest != first?.digest, "\(plain)")
      }
    }

    @Test(
      .enabled(
        if: Python.has("torch", "h5py", "safetensors", "numpy"), "a module is missing")
    )
    func lossAndStepAreThoseOfPyTorch() throws {
      try withTemporaryFolder { folder in
        let script = try String(
          contentsOfFile: Checkout.folder + "/Tests/Oracles/distilled.py", encoding: .utf8)
        #expect(try Python.run(script, [Aimass.program, folder.path]) == "right\n")
      }
    }

    private static let judge = """
      import h5py, sys, numpy as np
      kept, predicted = [h5py.File(p) for p in sys.argv[1:]]
      z = kept['train/outputs'][:].astype('f8')
      p = np.exp(z - z.max(1, keepdims=True)); p /= p.sum(1, keepdims=True)
      assert z.shape == (333, 10) and abs(p - predicted['digit/output'][:]).max() < 1e-6
      print('right')
      """

    @Test(.enabled(if: Python.has("h5py", "numpy"), "h5py is missing"))
    func whatIsKeptIsWhatTheTeacherPredicts() throws {
      try withTeacher { folder, settings in
        let run = folder.file("student")
        let result = try Aimass.train(Shelf.glyphs.get(), ranks: 2, output: run, set: settings)
        #expect(result.status == 0, "\(result)")
        let predicted = try Aimass.run(
          ["predict", folder.file("teacher"), "--split", "train", "-o", folder.file("out.h5")])
        #expect(predicted.status == 0, "\(predicted)")
        let file = run + "/teachers/" + (try #require(kept(run).first))
        #expect(try Python.run(Self.judge, [file, folder.file("out.h5")]) == "right\n")
      }
    }

    @Test(arguments: [Interruption.Kind.save, .kill])
    func anInterruptedStudentGoesOnExactly(kind: Interruption.Kind) throws {
      try withTeacher { folder, settings in
        let configuration = try Shelf.glyphs.get()
        let settings = settings + JobTests.ResumeTests.settings
        let straight = Run(path: folder.file("straight"))
        let whole = try Aimass.train(configuration, output: straight.path, set: settings)
        #expect(whole.status == 0, "\(whole)")
        let broken = Run(path: folder.file("broken"))
        let stopped = try Interruption.run(
          kind, after: 40, of: broken.path,
          Aimass.trainArguments(configuration, ranks: 2, output: broken.path, set: settings))
        #expect(stopped.status == (kind == .save ? 75 : 70) && broken.summary == nil, "\(stopped)")
        if kind == .kill {
          // What is kept may go, or be damaged.
          let file = broken.path + "/teachers/" + (try #require(kept(broken.path).first))
          try Data("no".utf8).write(to: URL(fileURLWithPath: file))
        }
        let resumed = try Aimass.train(
          configuration, ranks: 3, output: broken.path, set: settings)
        #expect(resumed.status == 0, "\(resumed)")
        let words = kind == .kill ? "computing outputs" : "read from"
        #expect(resumed.lines(with: words).count == 1, "\(resumed)")
        #expect(broken.digest == straight.digest && broken.history == straight.history)
      }
    }

    @Test func anotherTeacherOrOtherDataAreAskedAnew() throws {
      try withTeacher { folder, settings in
        let configuration = try Shelf.glyphs.get()
        let settings = settings + ["distillation.cache=\(folder.file("shared"))"]
        func train(_ name: String, _ more: [String] = []) throws -> ProcessResult {
          try Aimass.train(configuration, output: folder.file(name), set: settings + more)
        }
        let first = try train("first")
        #expect(first.status == 0 && first.lines(with: "computing").count == 1, "\(first)")
        let again = try train("again", ["seed=9", "distillation.temperature=1"])
        #expect(again.status == 0 && again.lines(with: "computing").isEmpty, "\(again)")
        // The teacher learns on; a student that began with it as it was may not go on.
        let begun = try train("begun", ["train.epochs=null", "train.steps=4"])
        #expect(begun.status == 0, "\(begun)")
        let longer = try Aimass.train(
          configuration, output: folder.file("teacher"), set: ["train.epochs=3"])
        #expect(longer.status == 0, "\(longer)")
        let refused = try train("begun", ["train.epochs=null", "train.steps=8"])
        expectRefusal(refused, 73, ["holds another run", "teacher: "])
        let later = try train("later")
        #expect(later.lines(with: "is of other teachers or data").count == 1, "\(later)")
        let less = try train(
          "less", ["data.split={validation: 0.2}", "data.splits={train: train}"])
        #expect(less.status == 0 && less.lines(with: "is of other teachers").count == 1, "\(less)")
      }
    }

    @Test func teachersThatDoNotFitAreRefused() throws {
      try withTeacher { folder, settings in
        let configuration = try Shelf.glyphs.get()
        func refused(_ status: Int32, _ words: [String], _ more: [String]) throws {
          let result = try Aimass.train(
            configuration, output: folder.file("run"), set: settings + more)
          expectRefusal(result, status, words)
          #expect(!FileManager.default.fileExists(atPath: folder.file("run/metrics.jsonl")))
        }
        try refused(66, ["no run folder", "none"], ["distillation.teachers=none"])
        try refused(66, ["config.yaml is missing"], ["distillation.teachers=\(folder.path)"])
        try refused(
          78, ["no head 'number' for our 'digit'", "it has: digit"],
          ["distillation.heads={digit: number}"])
        try refused(
          78, ["predicts 10 classes by head 'digit'", "6 values"],
          [
            "heads.digit.loss=meanSquaredError", "heads.digit.layers.3.linear.out=6",
            "heads.digit.target=table", "evaluate.metrics=null",
          ])
        try refused(
          78, ["reads other fields", "table"],
          ["data.fields={image: \"/{split}/image\", label: \"/{split}/label\"}"])
        let recipe = try folder.write(
          Shelf.glyphsRecipe.replacingOccurrences(of: "\"0\", \"1\"", with: "\"1\", \"0\""),
          to: "other.yaml")
        let other = folder.file("other.h5")
        let prepared = try Aimass.run(["prepare", recipe, "-o", other, "--root", folder.path])
        #expect(prepared.status == 0, "\(prepared)")
        try refused(65, ["field 'label'", "another order"], ["data.file=\(other)"])
        try spoil(folder)
        try refused(65, ["holds a NaN or infinity in"], [])
      }
    }

    /// Puts a NaN in the teacher's weights, and makes its checkpoints whole again.
    private func spoil(_ folder: TemporaryFolder) throws {
      let script = """
        import hashlib, json, pathlib, struct, sys
        for step in pathlib.Path(sys.argv[1]).glob('checkpoints/step-*'):
            for path in step.glob('*.safetensors'):
                data = bytearray(path.read_bytes())
                length = struct.unpack('<Q', data[:8])[0]
                header = json.loads(data[8:8 + length])
                for name, tensor in header.items():
                    if name.startswith('parameters@'):
                        start = 8 + length + tensor['data_offsets'][0]
                        data[start:start + 4] = struct.pack('<f', float('nan'))
                path.write_bytes(data)
                manifest = step / 'manifest.json'
                text = json.loads(manifest.read_text())
                for shard in text['shards']:
                    if shard['file'] == path.name:
                        shard['sha256'] = hashlib.sha256(data).hexdigest()
                manifest.write_text(json.dumps(text))
                (step / 'COMMIT').write_text(hashlib.sha256(manifest.read_bytes()).hexdigest() + '\\n')
        """
      _ = try Python.run(script, [folder.file("teacher")])
    }
  }
}
