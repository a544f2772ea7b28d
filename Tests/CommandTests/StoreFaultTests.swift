import TestSupport
import Testing

extension JobTests {
  /// Trainings of two ranks whose calls on their checkpoints fail, or kill a rank.
  @Suite struct StoreFaultTests {
    @Test(.enabled(if: Python.has("zipfile"), "python3 is not on PATH"))
    func theNextStartEndsAsIfNothingHadBeen() throws {
      let (result, outcomes) = try SoakTier.run("store-training", ["--count", "1"])
      #expect(result.status == 0, "\(result)")
      #expect(outcomes.map(\.test) == ["B1-training", "B2-training", "B5-training"], "\(result)")
      #expect(outcomes.allSatisfy { $0.cases == 1 && $0.failed == 0 }, "\(result)")
    }
  }
}
