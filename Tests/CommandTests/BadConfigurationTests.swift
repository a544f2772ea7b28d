import Foundation
import TestSupport
import Testing

extension JobTests {
  /// A wrong command or configuration ends in one sentence and the documented code.
  @Suite(.serialized) struct BadConfigurationTests {
    /// One wrong setting and what the message must name.
    struct Wrong: CustomTestStringConvertible, Sendable {
      let setting: String
      let words: [String]
      var ranks = 2
      var status: Int32 = 78
      var testDescription: String { setting }
    }

    @Test(arguments: [
      Wrong(setting: "train.epoch=3", words: ["train.epoch", "did you mean `epochs`"]),
      Wrong(setting: "optimiser={adam: {}}", words: ["optimiser", "did you mean `optimizer`"]),
      Wrong(setting: "batch.global=many", words: ["batch.global", "many"]),
      Wrong(setting: "train.epochs=[1, 2]", words: ["train.epochs"]),
      Wrong(setting: "seed=-1", words: ["seed", "-1"]),
      Wrong(setting: "evaluate.metrics=[acuracy]", words: ["acuracy", "accuracy"]),
      Wrong(setting: "heads.digit.loss=crossEntrophy", words: ["crossEntropy"]),
      Wrong(
        setting: "modalities.image.encoder.0={conv: {out: 4, kernel: 3, stride: 0}}",
        words: ["stride", "0"]),
      Wrong(
        setting: "modalities.image.encoder.1={batchNorm: {sync: 3}}",
        words: ["sync", "power of two", "3"]),
      Wrong(
        setting: "modalities.image.encoder=[{batchNorm: {sync: 4}}, {batchNorm: {sync: 2}}]",
        words: ["modalities.image.1", "sync 4", "found 2"]),
      // What the configuration alone cannot tell needs the data; then a rank says it.
      Wrong(setting: "batch.micro=5", words: ["9 ranks", "8 microbatches"], ranks: 9),
      Wrong(setting: "heads.digit.layers.3={linear: {out: 4}}", words: ["digit", "4", "10"]),
      Wrong(setting: "modalities.image.encoder.0={conv: {out: 4, kernel: 30}}", words: ["30"]),
      Wrong(
        setting: "modalities.image.field=imgae", words: ["imgae", "image"], status: 65),
      Wrong(
        setting: "schedule={cosine: {warmupSteps: 19}}",
        words: ["at most 18, the steps", "found 19"]),
      Wrong(setting: "heads.digit.target=lable", words: ["lable", "label"], status: 65),
      Wrong(setting: "data.file=absent.h5", words: ["absent.h5"], status: 66),
    ])
    func aWrongSettingIsNamed(wrong: Wrong) throws {
      try withTemporaryFolder { folder in
        let before = try snapshot((Shelf.glyphs.get() as NSString).deletingLastPathComponent)
        let result = try Aimass.train(
          Shelf.glyphs.get(), ranks: wrong.ranks, output: folder.file("run"), set: [wrong.setting])
        expectRefusal(result, wrong.status, wrong.words)
        #expect(snapshot(folder.path).isEmpty)
        let after = try snapshot((Shelf.glyphs.get() as NSString).deletingLastPathComponent)
        // Another lane of tests may put its own files on the shelf meanwhile.
        let new = after.keys.filter { before[$0] == nil }
        #expect(after.filter { before[$0.key] != nil } == before)
        #expect(new.allSatisfy { $0.hasSuffix(".yaml") || $0.hasSuffix(".h5") }, "\(new)")
      }
    }

    @Test func allMistakesAreToldAtOnce() throws {
      try withTemporaryFolder { folder in
        let result = try Aimass.train(
          Shelf.glyphs.get(), output: folder.file("run"),
          set: ["train.epoch=3", "batch.global=0", "name=''"])
        #expect(result.status == 78, "\(result)")
        #expect(result.errors.split(separator: "\n").count >= 3, "\(result)")
        #expect(snapshot(folder.path).isEmpty)
      }
    }

    @Test(
      arguments: [
        (["train"], 64), (["train", "x.yaml", "--ranks", "0"], 64), (["trian"], 64),
        (["train", "x.yaml", "--rank", "2"], 64), (["prepare", "x.yaml"], 64),
        (["predict", "run"], 64), (["evaluate", "run", "--checkpoint", "newest"], 64),
        (["evaluate", "run", "--split", "tset"], 64), (["plan", "x.yaml", "--ranks", "none"], 64),
        (["train", "absent.yaml"], 66), (["prepare", "absent.yaml", "-o", "x.h5"], 66),
        (["evaluate", "absent"], 66), (["predict", "absent", "-o", "x.csv"], 66),
        (["report", "absent"], 66), (["inspect", "absent"], 66), (["plan", "absent.yaml"], 66),
      ] as [([String], Int32)])
    func aWrongCommandIsRefused(words: [String], status: Int32) throws {
      try withTemporaryFolder { folder in
        let result = try Aimass.run(words, currentDirectory: folder.path)
        #expect(result.status == status, "\(result)")
        #expect(result.output.isEmpty, "\(result)")
        #expect(!result.errors.contains("Fatal error"), "\(result)")
        if status == 66 { expectRefusal(result, 66, ["absent"]) }
        if status == 64 { #expect(result.errors.hasPrefix("Error: "), "\(result)") }
        #expect(snapshot(folder.path).isEmpty)
      }
    }

    @Test func unknownKernelsAreRefused() throws {
      try withTemporaryFolder { folder in
        let result = try Aimass.train(
          Shelf.glyphs.get(), ranks: 2, output: folder.file("run"),
          environment: ["AIMASS_KERNELS": "nonsense"])
        expectRefusal(result, 78, ["nonsense", "AIMASS_KERNELS"])
        #expect(snapshot(folder.path).isEmpty)
      }
    }

    @Test func aRunThatBlowsUpNamesTheStep() throws {
      try withTemporaryFolder { folder in
        let settings = [
          "optimizer={sgd: {learningRate: 1.0e+30}}", "train.epochs=2",
        ]
        let result = try Aimass.train(
          Shelf.glyphs.get(), ranks: 2, output: folder.file("run"), set: settings)
        expectRefusal(result, 79, ["step ", "NaN or infinity first in", "train.nonFinite: skip"])
        let names = ["modalities.image", "modalities.table", "heads.digit"]
        #expect(names.contains { result.errors.contains($0) }, "\(result)")
        #expect(Run(path: folder.file("run")).summary == nil)
        let skipping = try Aimass.train(
          Shelf.glyphs.get(), ranks: 2, output: folder.file("skipping"),
          set: settings + ["train.nonFinite={skip: {consecutive: 99, perThousand: 99}}"])
        #expect(skipping.status == 0, "\(skipping)")
        #expect(!skipping.lines(with: "the update is left out").isEmpty, "\(skipping)")
        let skipped = Run(path: folder.file("skipping")).summary?["skippedSteps"] as? Int ?? 0
        #expect(skipped > 10 && skipped < 2 * Shelf.stepsPerEpoch)
        let limited = try Aimass.train(
          Shelf.glyphs.get(), ranks: 2, output: folder.file("limited"),
          set: settings + ["train.nonFinite=skip"])
        expectRefusal(
          limited, 79, ["11 steps in a row were skipped, train.nonFinite permits 10"])
      }
    }
  }
}
