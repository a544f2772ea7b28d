import Foundation
import TestSupport
import Testing

extension LearningTests.PruneTests {
  /// A warm-up as long as the fine-tuning would leave nothing to learn with.
  @Test func theWarmUpTakesATenthOfTheFineTuningAtMost() throws {
    try withTemporaryFolder { folder in
      let run = folder.file("run")
      let trained = try Aimass.train(
        Shelf.glyphs.get(), output: run,
        set: ["train={steps: 9}", "schedule={cosine: {warmupSteps: 6}}"])
      #expect(trained.status == 0, "\(trained)")
      for (name, steps, more, expected) in [
        ("short", "10", [], 1), ("long", "90", [], 6),
        ("asked", "10", ["--set", "schedule.cosine.warmupSteps=4"], 4),
      ] {
        let result = try Aimass.run(
          ["prune", run, "-o", folder.file(name), "--sparsity", "0.5", "--fine-tune", steps] + more)
        #expect(result.status == 0, "\(result)")
        let text = try String(contentsOfFile: folder.file(name + "/config.yaml"), encoding: .utf8)
        #expect(text.contains("warmupSteps: \(expected)\n"), "\(text)")
      }
    }
  }
}
