import TestSupport
import Testing

extension JobTests {
  /// Trainings of two ranks whose calls on their checkpoints fail, or kill a rank.
  @Suite(.enabled(if: Python.has("zipfile"), "python3 is not on PATH"))
  struct StoreFaultTests {
    @Test func theNextStartEndsAsIfNothingHadBeen() throws {
      let (result, outcomes) = try SoakTier.run("store-training", ["--count", "2"])
      #expect(result.status == 0, "\(result)")
      #expect(outcomes.map(\.test) == ["B1-training", "K4"], "\(result)")
      #expect(outcomes.allSatisfy { $0.cases == 2 && $0.failed == 0 }, "\(result)")
    }
  }
}
