import Foundation
import TestSupport
import Testing

extension JobTests {
  /// Predictions in sample order, the same from any number of ranks.
  @Suite(.serialized) struct PredictTests {
    private func withRun(_ body: (TemporaryFolder, String) throws -> Void) throws {
      try withTemporaryFolder { folder in
        let run = folder.file("run")
        let result = try Aimass.train(Shelf.glyphs.get(), output: run)
        #expect(result.status == 0, "\(result)")
        try body(folder, run)
      }
    }

    @Test func tablesAreEqualAndAgreeWithTheEvaluation() throws {
      try withRun { folder, run in
        var texts: [String] = []
        for ranks in [1, 3] {
          let path = folder.file("on-\(ranks).csv")
          let result = try Aimass.run(ranks: ranks, ["predict", run, "-o", path])
          #expect(result.status == 0, "\(result)")
          texts.append(try String(contentsOfFile: path, encoding: .utf8))
        }
        #expect(texts[0] == texts[1])
        let rows = texts[0].split(separator: "\n").map { $0.split(separator: ",") }
        #expect(rows[0].prefix(3) == ["sample", "digit", "digit[0]"], "\(rows[0])")
        let samples = rows.dropFirst().compactMap { Int($0[0]) }
        #expect(samples == Array(0..<Shelf.testSamples))
        for row in rows.dropFirst() {
          let shares = row.dropFirst(2).compactMap { Double($0) }
          #expect(shares.count == 10 && abs(shares.reduce(0, +) - 1) < 1e-5, "\(row)")
          #expect(shares.firstIndex(of: shares.max() ?? 0) == Int(row[1]), "\(row)")
        }
        try expectSameCounts(run, rows.dropFirst().compactMap { Int($0[1]) })
        let left = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        #expect(left == ["on-1.csv", "on-3.csv", "run"])
      }
    }

    /// Compares predicted classes with what `evaluate` counted, and where h5py can read the labels,
    /// with the accuracy.
    private func expectSameCounts(_ run: String, _ predicted: [Int]) throws {
      let judged = try Aimass.run(
        ["evaluate", run, "--json", "--metric", "accuracy", "--metric", "confusion"])
      let found = try JSONSerialization.jsonObject(with: Data(judged.output.utf8)) as? [String: Any]
      let confusion = try #require(found?["confusion"] as? [[Int]], "\(judged)")
      let accuracy = try #require(found?["accuracy"] as? Double, "\(judged)")
      for label in 0..<10 {
        let counted = confusion.reduce(0) { $0 + $1[label] }
        #expect(predicted.filter { $0 == label }.count == counted, "class \(label): \(judged)")
      }
      let right = (0..<10).reduce(0) { $0 + confusion[$1][$1] }
      #expect(abs(accuracy - Double(right) / Double(Shelf.testSamples)) < 1e-12, "\(judged)")
      guard Python.has("h5py") else { return }
      let script = """
        import h5py, sys
        with h5py.File(sys.argv[1]) as f: print(*f["test/label"][:])
        """
      let labels = try Python.run(script, [Shelf.file("glyphs.h5")]).split { $0.isWhitespace }
        .compactMap { Int($0) }
      #expect(zip(labels, predicted).filter { $0 == $1 }.count == right)
    }

    @Test(.enabled(if: Python.has("h5py", "numpy"), "h5py is missing"))
    func arraysAreEqualAndHaveTheDocumentedShape() throws {
      try withRun { folder, run in
        for ranks in [1, 3] {
          let path = folder.file("on-\(ranks).h5")
          let result = try Aimass.run(ranks: ranks, ["predict", run, "-o", path])
          #expect(result.status == 0, "\(result)")
        }
        let script = """
          import h5py, numpy, sys
          a, b = (h5py.File(p) for p in sys.argv[1:])
          for name in ["digit/output", "digit/class"]:
              assert (a[name][:] == b[name][:]).all()
          output, chosen = a["digit/output"], a["digit/class"]
          assert output.dtype == "f4" and chosen.dtype == "i8"
          assert (numpy.argmax(output[:], 1) == chosen[:]).all()
          print(output.shape, chosen.shape, [n.decode() for n in a["digit"].attrs["classes"]])
          """
        let found = try Python.run(script, [folder.file("on-1.h5"), folder.file("on-3.h5")])
        #expect(
          found == "(101, 10) (101,) ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']\n")
      }
    }

    @Test func aFileWithoutLabelsIsEnough() throws {
      try withRun { folder, run in
        let recipe = Shelf.glyphsRecipe.split(separator: "\n")
          .filter { !$0.contains("  label: ") }.joined(separator: "\n")
          .replacing(", label: trainDraws.label", with: "")
          .replacing(", label: testDraws.label", with: "")
        try folder.write(recipe + "\n", to: "bare.yaml")
        let bare = folder.file("bare.h5")
        let made = try Aimass.run(["prepare", folder.file("bare.yaml"), "-o", bare])
        #expect(made.status == 0, "\(made)")
        let files = [folder.file("with.csv"), folder.file("without.csv")]
        for (file, more) in zip(files, [[], ["--data", bare]]) {
          let result = try Aimass.run(ranks: 2, ["predict", run, "-o", file] + more)
          #expect(result.status == 0, "\(result)")
        }
        #expect(
          FileManager.default.contents(atPath: files[0])
            == FileManager.default.contents(atPath: files[1]))
        let judged = try Aimass.run(["evaluate", run, "--data", bare])
        expectRefusal(judged, 65, ["label", "bare.h5"])
      }
    }

    @Test func whatCannotBePredictedIsRefused() throws {
      try withRun { folder, run in
        let before = snapshot(folder.path)
        let ending = try Aimass.run(["predict", run, "-o", folder.file("out.xlsx")])
        expectRefusal(ending, 64, ["out.xlsx", ".csv"])
        let nowhere = try Aimass.run(ranks: 2, ["predict", run, "-o", "/proc/aimass/out.csv"])
        #expect(nowhere.status == 73, "\(nowhere)")
        #expect(nowhere.lines(with: "aimass: ").count == 1, "\(nowhere)")
        let array = try Aimass.run(["predict", run, "-o", "/proc/aimass/out.h5"])
        expectRefusal(array, 73, ["/proc/aimass/out.h5"])
        let step = try Aimass.run(["evaluate", run, "--checkpoint", "5"])
        expectRefusal(step, 66, ["step 5", "[18, 9]"])
        let split = try Aimass.run(
          ["evaluate", run, "--data", folder.file("run/config.yaml")])
        expectRefusal(split, 65, ["config.yaml"])
        let absent = try Aimass.run(["evaluate", run, "--data", folder.file("absent.h5")])
        expectRefusal(absent, 66, ["absent.h5"])
        #expect(snapshot(folder.path) == before)
      }
    }
  }
}
