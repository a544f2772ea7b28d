import Foundation
import TestSupport
import Testing

extension LearningTests {
  /// Weights of finished runs as 8-bit codes.
  @Suite(.serialized) struct QuantizeTests {
    private func object(_ text: String) throws -> [String: Any] {
      let json = try JSONSerialization.jsonObject(with: Data(text.utf8))
      return try #require(json as? [String: Any], "\(text)")
    }

    private func value(_ outcome: [String: Any], _ key: String, _ metric: String) throws -> Double {
      try #require((outcome[key] as? [String: Any])?[metric] as? Double, "\(outcome)")
    }

    @Test func codesComeOutTheSameOnAnyNumberOfRanksAndAreReadBack() throws {
      try withTemporaryFolder { folder in
        let run = folder.file("run")
        let trained = try Aimass.train(
          Shelf.glyphs.get(), output: run, set: ["train.epochs=4", "evaluate.best=accuracy"])
        #expect(trained.status == 0, "\(trained)")
        let untouched = snapshot(run)
        var first: (text: String, bytes: Data)?
        for ranks in 1...4 {
          let file = folder.file("codes-\(ranks).safetensors")
          let result = try Aimass.run(
            ranks: ranks, ["quantize", run, "-o", file, "--split", "validation", "--json"])
          #expect(result.status == 0 && result.leftovers.isEmpty, "\(result)")
          let bytes = try Data(contentsOf: URL(fileURLWithPath: file))
          #expect(result.output == first?.text ?? result.output, "\(ranks) ranks")
          #expect(bytes == first?.bytes ?? bytes, "\(ranks) ranks")
          first = first ?? (result.output, bytes)
        }
        #expect(snapshot(run) == untouched)
        let outcome = try object(#require(first?.text))
        // Both batch norms stand behind a layer; the picture's and the table's, and two of the head.
        #expect(outcome["foldedNorms"] as? Int == 2 && outcome["layers"] as? Int == 4)
        let dense = try #require(outcome["denseBytes"] as? Int)
        #expect(try #require(outcome["fileBytes"] as? Int) < dense / 2)
        let loss = try value(outcome, "float", "loss")
        #expect(try abs(value(outcome, "int8Weights", "loss") - loss) < 0.02 * loss)
        #expect(try abs(value(outcome, "int8", "loss") - loss) < 0.05 * loss)
        #expect(try value(outcome, "int8Weights", "loss") != loss)
        // A run that begins with the file is the one that was measured.
        let read = Run(path: folder.file("read"))
        let again = try Aimass.train(
          Shelf.glyphs.get(), output: read.path,
          set: [
            "train.epochs=null", "train.steps=0",
            "initialize.from=\(folder.file("codes-1.safetensors"))",
          ])
        #expect(again.status == 0, "\(again)")
        let metrics = try #require(read.summary?["metrics"] as? [String: Double])
        #expect(try metrics["loss"] == value(outcome, "int8Weights", "loss"))
      }
    }

    @Test func noFileOfARunIsReplaced() throws {
      try withTemporaryFolder { folder in
        let run = folder.file("run")
        let trained = try Aimass.train(Shelf.glyphs.get(), output: run, set: ["train.epochs=1"])
        #expect(trained.status == 0, "\(trained)")
        let before = snapshot(run)
        let shard = try #require(before.keys.first { $0.hasSuffix(".safetensors") })
        for file in ["config.yaml", shard, (shard as NSString).deletingLastPathComponent + "/new"] {
          for command in ["quantize \(run)", "checkpoint export \(run)"] {
            let words = command.split(separator: " ").map(String.init)
            expectRefusal(
              try Aimass.run(words + ["-o", run + "/" + file]), 73, [file, "choose another"])
          }
        }
        #expect(snapshot(run) == before)
      }
    }

    @Test func whatCannotBeIsTold() throws {
      try withTemporaryFolder { folder in
        let file = folder.file("codes.safetensors")
        let none = try Aimass.run(["quantize", folder.file("nowhere"), "-o", file])
        #expect(none.status == 66, "\(none)")
        for wrong in [["--coverage", "0"], ["--samples", "0"], ["--coverage", "1.5"]] {
          let result = try Aimass.run(["quantize", folder.path, "-o", file] + wrong)
          #expect(result.status == 64, "\(result)")
        }
      }
    }

    /// Real digits lose next to nothing.
    @Test(.enabled(if: DataFolder.has("mnist"), "\(DataFolder.hint)"))
    func realDigitsLoseNextToNothing() throws {
      try withTemporaryFolder { folder in
        let run = folder.file("run")
        let trained = try Aimass.train(
          Shelf.mnist.get(), output: run, set: ["train.epochs=20"])
        #expect(trained.status == 0, "\(trained)")
        let result = try Aimass.run([
          "quantize", run, "-o", folder.file("codes.safetensors"), "--split", "train", "--json",
        ])
        #expect(result.status == 0, "\(result)")
        let outcome = try object(result.output)
        let accuracy = try value(outcome, "float", "accuracy")
        #expect(accuracy > 0.8)
        #expect(try value(outcome, "int8", "accuracy") > accuracy - 0.01)
      }
    }
  }
}
