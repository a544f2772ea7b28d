import Foundation
import TestSupport
import Testing

extension LearningTests {
  /// Runs whose layers learn from those of other runs.
  @Suite(.serialized) struct HintTests {
    /// Layers of the student with what they learn from.
    private static let hints = """
      distillation.hints={modalities.image.3: {weight: 0.3}, heads.digit.1: {layer: heads.digit.0, weight: 0.02}}
      """

    /// A teacher of the glyphs, and settings of a smaller student with hints.
    private func withTeacher(
      _ body: (TemporaryFolder, _ settings: [String]) throws -> Void
    ) throws {
      try withTemporaryFolder { folder in
        let teacher = folder.file("teacher")
        let result = try Aimass.train(Shelf.glyphs.get(), output: teacher)
        #expect(result.status == 0, "\(result)")
        try body(
          folder,
          [
            "distillation={teachers: \(teacher), temperature: 3, alpha: 0.6}", Self.hints,
            "heads.digit.layers.0.linear.out=20", "modalities.table=null",
            "modalities.image.encoder.0.conv.out=3",
          ])
      }
    }

    @Test func theBitsDoNotDependOnTheRanks() throws {
      try withTeacher { folder, settings in
        let cache = "distillation.cache=\(folder.file("cache"))"
        var first: Run?
        for ranks in [1, 2, 3] {
          let run = Run(path: folder.file("on-\(ranks)"))
          let result = try Aimass.train(
            Shelf.glyphs.get(), ranks: ranks, output: run.path,
            set: settings + (ranks == 2 ? [] : [cache]))
          #expect(result.status == 0 && result.leftovers.isEmpty, "\(result)")
          // The last one finds what the first has computed.
          let computed = result.lines(with: "computing outputs for 333 samples").count
          #expect(computed == (ranks == 3 ? 0 : 3), "\(result)")
          guard let first else {
            first = run
            continue
          }
          #expect(run.digest == first.digest && run.history == first.history, "\(ranks) ranks")
        }
        let plain = Run(path: folder.file("plain"))
        let result = try Aimass.train(
          Shelf.glyphs.get(), output: plain.path,
          set: settings + ["distillation.hints=null", cache])
        #expect(result.status == 0 && plain.digest != first?.digest, "\(result)")
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
        let resumed = try Aimass.train(
          configuration, ranks: 3, output: broken.path, set: settings)
        #expect(resumed.status == 0, "\(resumed)")
        #expect(broken.digest == straight.digest && broken.history == straight.history)
        let other = try Aimass.train(
          configuration, output: broken.path,
          set: settings + [Self.hints.replacingOccurrences(of: "0.3", with: "0.4")])
        expectRefusal(other, 73, ["holds another run"])
      }
    }

    @Test func theRunIsOneWithoutRegressors() throws {
      try withTeacher { folder, settings in
        let run = folder.file("student")
        let trained = try Aimass.train(
          Shelf.glyphs.get(), ranks: 2, output: run, set: settings + ["train.ema=0.9"])
        #expect(trained.status == 0, "\(trained)")
        func works(_ words: [String]) throws -> ProcessResult {
          let result = try Aimass.run(words)
          #expect(result.status == 0, "\(result)")
          return result
        }
        _ = try works(["evaluate", run])
        _ = try works(["predict", run, "-o", folder.file("out.h5")])
        let file = folder.file("out.safetensors")
        _ = try works(["checkpoint", "export", run, "-o", file])
        let listed = try works(["inspect", file])
        #expect(!listed.output.contains("hints.") && listed.output.contains("heads.digit.3.weight"))
        let codes = folder.file("int8.safetensors")
        _ = try works(["quantize", run, "-o", codes])
        #expect(try !works(["inspect", codes]).output.contains("hints."))
        for (name, words) in [
          ("pruned", ["prune", run, "--sparsity", "0.5", "--fine-tune", "4"]),
          ("shrunk", ["shrink", run, "--remove", "0.3", "--fine-tune", "4"]),
        ] {
          _ = try works(words + ["-o", folder.file(name)])
          let text = try String(contentsOfFile: folder.file(name + "/config.yaml"), encoding: .utf8)
          #expect(text.contains("distillation:") && !text.contains("hints:"), "\(name)")
          _ = try works(["evaluate", folder.file(name)])
        }
        // Another run may begin with it, hinted or not.
        for more in [[], ["distillation=null"]] {
          let next = try Aimass.train(
            Shelf.glyphs.get(), output: folder.file("next"),
            set: settings + ["initialize.from=\(file)", "train={steps: 3}"] + more, ["--fresh"])
          #expect(next.status == 0, "\(next)")
        }
      }
    }

    @Test func hintsThatDoNotFitAreRefused() throws {
      try withTeacher { folder, settings in
        let configuration = try Shelf.glyphs.get()
        func refused(_ words: [String], _ hint: String, _ more: [String] = []) throws {
          let result = try Aimass.train(
            configuration, output: folder.file("run"),
            set: settings + more + ["distillation.hints={\(hint)}"])
          expectRefusal(result, 78, words)
          #expect(!FileManager.default.fileExists(atPath: folder.file("run/metrics.jsonl")))
        }
        try refused(
          [
            "distillation.hints", "modalities.image.8", "no layer of this path",
            "modalities.image.4",
          ],
          "modalities.image.8: {layer: modalities.image.3}")
        try refused(
          [
            "distillation.hints", "teacher", "modalities.sound.1", "no layer of this path",
            "modalities.table.2",
          ],
          "modalities.image.3: {layer: modalities.sound.1}")
        try refused(
          ["our modalities.image.3 has 16 places", "modalities.image.2 of", "has 81"],
          "modalities.image.3: {layer: modalities.image.2}")
        try refused(
          ["several", "name one as teacher"], "modalities.image.3: {}",
          ["distillation.teachers=[\(folder.file("teacher")), \(folder.file("teacher"))]"])
        try refused(["unknown teacher `b`"], "modalities.image.3: {teacher: b}")
      }
    }
  }
}
