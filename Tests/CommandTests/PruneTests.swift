import Foundation
import TestSupport
import Testing

extension LearningTests {
  /// Finished runs made into pruned ones.
  @Suite(.serialized) struct PruneTests {
    /// A dense run, and its bytes before anything was made of it.
    private static let dense: Result<(run: Run, bytes: [String: Data]), any Error> = Result {
      let run = Run(path: try Shelf.file("dense"))
      let result = try Aimass.train(
        Shelf.glyphs.get(), output: run.path, set: ["evaluate.best=accuracy", "train.epochs=3"])
      #expect(result.status == 0, "\(result)")
      return (run, snapshot(run.path))
    }

    private func prune(
      _ run: String, _ arguments: [String], to output: String, ranks: Int = 1
    ) throws -> ProcessResult {
      try Aimass.run(ranks: ranks, ["prune", run, "-o", output] + arguments)
    }

    /// What `pruning.json` says.
    private func outcome(_ run: Run) throws -> [String: Any] {
      let bytes = try Data(contentsOf: URL(fileURLWithPath: run.path + "/pruning.json"))
      return try #require(JSONSerialization.jsonObject(with: bytes) as? [String: Any])
    }

    private func tries(_ run: Run) throws -> [[String: Any]] {
      try #require(outcome(run)["tries"] as? [[String: Any]])
    }

    private func mask(_ run: Run) -> String {
      (run.summary?["pruning"] as? [String: Any])?["mask"] as? String ?? "no mask in \(run.path)"
    }

    /// Everything of the outcome but what a clock says.
    private func numbers(_ run: Run) throws -> String {
      var outcome = try outcome(run)
      func timeless(_ attempt: Any?) -> Any {
        (attempt as? [String: Any] ?? [:]).filter { !$0.key.hasSuffix("Seconds") }
      }
      outcome["before"] = timeless(outcome["before"])
      outcome["tries"] = (outcome["tries"] as? [Any] ?? []).map(timeless)
      let text = try JSONSerialization.data(withJSONObject: outcome, options: .sortedKeys)
      return String(decoding: text, as: UTF8.self)
    }

    private func exportedBytes(_ run: Run, _ form: String) throws -> Int {
      let file = run.path + ".safetensors"
      let result = try Aimass.run(["checkpoint", "export", run.path, "-o", file, "--form", form])
      #expect(result.status == 0, "\(result)")
      return try Data(contentsOf: URL(fileURLWithPath: file)).count
    }

    @Test(arguments: [
      ["--sparsity", "0.8"], ["--sparsity", "0.7", "--scope", "layer", "--criterion", "lamp"],
      ["--sparsity", "0.85", "--fine-tune", "7", "--last-layers"], ["--pattern", "2:4"],
      ["--sparsity", "0.6", "--pattern", "1x8", "--fine-tune", "4"],
      ["--accuracy-budget", "12", "--tries", "4"], ["--size", "20KiB"],
    ])
    func theSameRunOnAnyNumberOfRanks(arguments: [String]) throws {
      let dense = try Self.dense.get()
      try withTemporaryFolder { folder in
        var first: Run?
        for ranks in 1...4 {
          let run = Run(path: folder.file("on-\(ranks)"))
          let result = try prune(dense.run.path, arguments, to: run.path, ranks: ranks)
          #expect(result.status == 0 && result.leftovers.isEmpty, "\(result)")
          #expect(run.digest == first?.digest ?? run.digest, "\(ranks) ranks")
          #expect(mask(run) == first.map(mask) ?? mask(run), "\(ranks) ranks")
          #expect(try numbers(run) == numbers(first ?? run), "\(ranks) ranks")
          first = first ?? run
        }
        #expect(snapshot(dense.run.path) == dense.bytes)
        let run = try #require(first)
        let chosen = try tries(run)[outcome(run)["chosen"] as? Int ?? -1]
        let bytes = try #require(chosen["bytes"] as? [String: Int])
        for (form, count) in bytes {
          #expect(try exportedBytes(run, form) == count, "\(form)")
        }
        let zeros = chosen["zeros"] as? Int
        #expect(zeros == (run.summary?["pruning"] as? [String: Any])?["zeros"] as? Int)
      }
    }

    @Test func theNewRunIsOneAsAnyOther() throws {
      let dense = try Self.dense.get()
      try withTemporaryFolder { folder in
        let run = Run(path: folder.file("pruned"))
        let made = try prune(dense.run.path, ["--sparsity", "0.8"], to: run.path)
        #expect(made.status == 0 && made.output.contains("chosen"), "\(made)")
        let picture = try String(contentsOfFile: run.path + "/pruning.svg", encoding: .utf8)
        #expect(picture.hasPrefix("<svg") && picture.contains("heads.digit.0.weight"))
        let attempt = try tries(run)[0]
        let measured = try Aimass.run([
          "evaluate", run.path, "--split", "validation", "--metric", "accuracy", "--json",
        ])
        let json = try JSONSerialization.jsonObject(with: Data(measured.output.utf8))
        #expect((json as? [String: Any])?["accuracy"] as? Double == attempt["metric"] as? Double)
        let predicted = try Aimass.run(["predict", run.path, "-o", folder.file("predicted.csv")])
        #expect(predicted.status == 0, "\(predicted)")
        // Trained on, what was pruned stays so.
        let before = mask(run)
        let trained = try Aimass.train(
          run.path + "/config.yaml", ranks: 2, output: run.path, set: ["train.steps=9"])
        #expect(trained.status == 0 && run.summary?["steps"] as? Int == 9, "\(trained)")
        #expect(mask(run) == before)
        // Pruned on: what is zero stays so, and fewer zeros than there are cannot be asked for.
        let more = Run(path: folder.file("more"))
        let again = try prune(run.path, ["--sparsity", "0.9"], to: more.path)
        #expect(again.status == 0, "\(again)")
        let fewer = try prune(run.path, ["--sparsity", "0.5"], to: folder.file("fewer"))
        #expect(fewer.status == 78 && fewer.errors.contains("are zero already"), "\(fewer)")
      }
    }

    @Test func aSizeIsReachedWithAsFewZerosAsPossible() throws {
      let dense = try Self.dense.get()
      try withTemporaryFolder { folder in
        let run = Run(path: folder.file("small"))
        let made = try prune(dense.run.path, ["--size", "24000"], to: run.path)
        #expect(made.status == 0, "\(made)")
        #expect(try exportedBytes(run, "smallest") <= 24000)
        let weights = try #require(outcome(run)["tensors"] as? [[String: Any]])
          .reduce(0) { $0 + ($1["weights"] as? Int ?? 0) }
        let zeros = try #require(tries(run)[0]["zeros"] as? Int)
        let fewer = Run(path: folder.file("fewer"))
        let other = try prune(
          dense.run.path, ["--sparsity", "\(Double(zeros - 1) / Double(weights))"], to: fewer.path)
        #expect(other.status == 0, "\(other)")
        #expect(try exportedBytes(fewer, "smallest") > 24000)
      }
    }

    @Test(arguments: [0, 6])
    func aBudgetIsKept(steps: Int) throws {
      let dense = try Self.dense.get()
      try withTemporaryFolder { folder in
        let run = Run(path: folder.file("kept"))
        let made = try prune(
          dense.run.path,
          ["--accuracy-budget", "10", "--tries", "5", "--fine-tune", "\(steps)"], to: run.path)
        #expect(made.status == 0, "\(made)")
        #expect(!FileManager.default.fileExists(atPath: run.path + ".tries"))
        let outcome = try outcome(run)
        let base = try #require((outcome["before"] as? [String: Any])?["metric"] as? Double)
        let chosen = try tries(run)[outcome["chosen"] as? Int ?? -1]
        let key = steps > 0 ? "fineTuned" : "metric"
        let most = try #require(chosen["sparsity"] as? Double)
        #expect(try base - #require(chosen[key] as? Double) <= 0.1 + 1e-9)
        // The search went on above it, and found nothing.
        for other in try tries(run) where other["sparsity"] as? Double ?? 0 > most {
          #expect(try base - #require(other[key] as? Double) > 0.1)
        }
        #expect(run.summary?["steps"] as? Int == steps)
      }
    }

    @Test(arguments: [
      (["--sparsity", "0.5", "--size", "1000"], 64, "Name one of"), ([], 64, "Name one of"),
      (["--sparsity", "1"], 64, "below 1"),
      (["--sparsity", "0.5", "--set", "seed=2"], 64, "fine-tune"),
      (["--pattern", "2:4", "--sparsity", "0.5"], 64, "Name one of"),
      (["--pattern", "4:2", "--sparsity", "0.5"], 64, "--pattern"),
      (["--sparsity", "0.5", "--include", "nobody.*"], 78, "'nobody.*' fits nothing"),
      (["--sparsity", "0.9", "--keep-at-least", "0.2"], 78, "keepAtLeast leaves"),
      (["--size", "900"], 78, "cannot be reached"), (["--size", "10MiB"], 78, "nothing to prune"),
      (["--accuracy-budget", "0", "--tries", "2"], 78, "no sparsity that was tried"),
      (["--accuracy-budget", "1", "--metric", "loss"], 64, "hundredths"),
      (["--sparsity", "0.5", "--metric", "f2"], 64, "was not measured"),
      (["--sparsity", "0.5", "--fine-tune", "3", "--set", "train.steps=9"], 64, "--set cannot"),
      (["--sparsity", "0.5", "--fine-tune", "3", "--set", "tran.clipNorm=1"], 78, "tran"),
    ])
    func whatCannotBeIsTold(arguments: [String], status: Int, words: String) throws {
      let dense = try Self.dense.get()
      try withTemporaryFolder { folder in
        let result = try prune(dense.run.path, arguments, to: folder.file("new"))
        #expect(Int(result.status) == status && result.errors.contains(words), "\(result)")
        let left = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        #expect(left.isEmpty, "\(left)")
      }
    }

    @Test func nothingIsOverwritten() throws {
      let dense = try Self.dense.get()
      try withTemporaryFolder { folder in
        try FileManager.default.createDirectory(
          atPath: folder.file("full"), withIntermediateDirectories: false)
        _ = try folder.write("mine", to: "full/file")
        _ = try folder.write("mine", to: "file")
        for output in [folder.file("full"), folder.file("file"), dense.run.path] {
          let before = snapshot(folder.path)
          let result = try prune(dense.run.path, ["--sparsity", "0.5"], to: output)
          #expect(result.status == 73, "\(result)")
          #expect(snapshot(folder.path) == before && snapshot(dense.run.path) == dense.bytes)
        }
        let none = try prune(folder.file("nowhere"), ["--sparsity", "0.5"], to: folder.file("new"))
        #expect(none.status == 66, "\(none)")
      }
    }

    /// A checkpoint whose weights have become NaN, its checksums made to fit.
    @Test(
      .enabled(if: Python.has("numpy"), "numpy is missing"),
      arguments: ["heads.digit.0.weight", "heads.digit.3.bias", "modalities.image.1.bias"])
    func weightsThatAreNoNumbersAreTold(tensor: String) throws {
      let dense = try Self.dense.get()
      try withTemporaryFolder { folder in
        let run = folder.file("damaged")
        try FileManager.default.copyItem(atPath: dense.run.path, toPath: run)
        let script = """
          import glob, hashlib, json, struct, sys, numpy as np
          for folder in glob.glob(sys.argv[1] + "/checkpoints/step-*"):
            manifest = json.load(open(folder + "/manifest.json"))
            place = next(t for t in manifest["tensors"] if t["name"] == sys.argv[2])["start"]
            for shard in manifest["shards"]:
              path = folder + "/" + shard["file"]
              data = bytearray(open(path, "rb").read())
              length = struct.unpack("<Q", data[:8])[0]
              header = json.loads(data[8:8 + length])
              start = header["parameters@0"]["data_offsets"][0] + 8 + length + 4 * (place + 3)
              data[start:start + 4] = np.float32(np.nan).tobytes()
              open(path, "wb").write(data)
              shard["sha256"] = hashlib.sha256(data).hexdigest()
            text = json.dumps(manifest)
            open(folder + "/manifest.json", "w").write(text)
            open(folder + "/COMMIT", "w").write(hashlib.sha256(text.encode()).hexdigest() + "\\n")
          """
        _ = try Python.run(script, [run, tensor])
        for command in [["prune", "--sparsity", "0.5"], ["shrink"], ["quantize"]] {
          let result = try Aimass.run([command[0], run, "-o", folder.file("new")] + command[1...])
          #expect(result.status == 79, "\(result)")
          #expect(
            result.errors.replacingOccurrences(of: "'", with: "").contains(tensor)
              && result.errors.contains("holds a NaN"), "\(result)")
          #expect(!FileManager.default.fileExists(atPath: folder.file("new")), "\(command)")
        }
      }
    }

    @Test func aBudgetNeedsAValidationSplit() throws {
      try withTemporaryFolder { folder in
        let run = folder.file("run")
        let trained = try Aimass.train(
          Shelf.glyphs.get(), output: run,
          set: ["train.epochs=1", "data.splits={validation: none}"])
        #expect(trained.status == 0, "\(trained)")
        let budget = try prune(run, ["--accuracy-budget", "1"], to: folder.file("budget"))
        #expect(budget.status == 66 && budget.errors.contains("no validation split"), "\(budget)")
        let sparsity = try prune(run, ["--sparsity", "0.5"], to: folder.file("pruned"))
        #expect(sparsity.status == 0, "\(sparsity)")
      }
    }
  }
}
