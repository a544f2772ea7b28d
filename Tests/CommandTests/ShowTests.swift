import Foundation
import TestSupport
import Testing

extension JobTests {
  /// What `plan`, `inspect` and `report` show.
  @Suite(.serialized) struct ShowTests {
    @Test(arguments: [1, 8])
    func planTellsSizes(ranks: Int) throws {
      let result = try Aimass.run(["plan", Shelf.glyphs.get(), "--ranks", "\(ranks)"])
      #expect(result.status == 0 && result.errors.isEmpty, "\(result)")
      try Golden.expect(result.output, "plan-\(ranks).txt")
    }

    @Test func planTellsWhatIsSaved() throws {
      let result = try Aimass.run([
        "plan", Shelf.glyphs.get(), "--set", "train.recompute={layers: 2}",
      ])
      #expect(result.status == 0 && result.errors.isEmpty, "\(result)")
      #expect(result.lines(with: "activations without train.recompute").count == 1, "\(result)")
    }

    @Test func planRefusesWhatTrainingWould() throws {
      let result = try Aimass.run(["plan", Shelf.glyphs.get(), "--ranks", "9"])
      expectRefusal(result, 78, ["9 ranks", "8 microbatches"])
    }

    @Test func inspectShowsASampleFile() throws {
      let path = try Shelf.glyphs.get().replacing(".yaml", with: ".h5")
      let result = try Aimass.run(["inspect", path])
      #expect(result.status == 0 && result.errors.isEmpty, "\(result)")
      let text = result.output.replacing(path, with: "glyphs.h5")
      try Golden.expect(Self.withoutVersions(text), "inspect-file.txt")
    }

    @Test func inspectAndReportShowARun() throws {
      try withTemporaryFolder { folder in
        let run = Run(path: folder.file("run"))
        let trained = try Aimass.train(Shelf.glyphs.get(), output: run.path)
        #expect(trained.status == 0, "\(trained)")
        let shown = try Aimass.run(["inspect", run.path])
        #expect(shown.status == 0, "\(shown)")
        #expect(shown.lines(with: "checkpoints at steps 18, 9").count == 1, "\(shown)")
        #expect(shown.lines(with: run.digest).count == 1, "\(shown)")
        let checkpoint = try Aimass.run(["inspect", run.path + "/checkpoints/step-00000018"])
        #expect(checkpoint.status == 0, "\(checkpoint)")
        #expect(checkpoint.lines(with: "parameters digest \(run.digest)").count == 1)
        try FileManager.default.removeItem(atPath: run.path + "/report.html")
        let report = try Aimass.run(["report", run.path])
        #expect(report.status == 0, "\(report)")
        let page = try String(contentsOfFile: run.path + "/report.html", encoding: .utf8)
        #expect(page.contains(run.digest) && page.contains("</html>"))
        // One file that needs no other.
        for link in ["src=\"http", "href=\"http", "<script src", "@import"] {
          #expect(!page.contains(link), "\(link)")
        }
      }
    }

    /// Without values that follow from the drawn samples, which a better drawing may change.
    private static func withoutVersions(_ text: String) -> String {
      text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
        let isChanging = ["@digest", "@identity", "@mean", "@std", "@chunkOffsets"].contains {
          line.contains($0)
        }
        return isChanging ? "\(line.prefix { $0 != "=" })= ..." : String(line)
      }.joined(separator: "\n")
    }
  }
}
