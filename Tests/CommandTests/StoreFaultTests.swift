import TestSupport
import Testing

extension JobTests {
  /// Trainings of two ranks whose calls on their checkpoints fail, or kill a rank.
  @Suite struct StoreFaultTests {
    @Test(.enabled(if: Python.has("zipfile"), "python3 is not on PATH"))
    func theNextStartEndsAsIfNothingHadBeen() throws {
      let (result, outcomes) = try SoakTier.run("store-training", ["--count", "2"])
      #expect(result.status == 0, "\(result)")
      #expect(outcomes.map(\.test) == ["B1-training", "K4"], "\(result)")
      #expect(outcomes.allSatisfy { $0.cases == 2 && $0.failed == 0 }, "\(result)")
    }

    @Test func aFileThatMayNotGrowIsAnErrorAndNoSignal() throws {
      try withTemporaryFolder { folder in
        let recipe = try folder.write(Shelf.glyphsRecipe, to: "recipe.yaml")
        let result = try runProcess(
          "bash",
          [
            "-c", "ulimit -f 8; exec \"$@\"", "bash", Aimass.program, "prepare", recipe, "-o",
            folder.file("glyphs.h5"), "--root", folder.path,
          ], environment: Aimass.variables([:]), timeout: Aimass.patience)
        #expect(result.signal == nil && [73, 74].contains(result.status), "\(result)")
        #expect(result.errors.contains("File too large"), "\(result)")
      }
    }
  }
}
