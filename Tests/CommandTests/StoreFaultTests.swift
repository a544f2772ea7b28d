import Glibc
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

    @Test(
      .enabled(if: Python.has("zipfile"), "python3 is not on PATH"),
      arguments: [("store-power-training", "B7-training", 4), ("store-full", "B5-run", 1)])
    func theRunGoesOn(tier: String, test: String, cases: Int) throws {
      guard tier != "store-full" || geteuid() == 0 else { return }
      let (result, outcomes) = try SoakTier.run(tier, ["--count", "\(cases)"])
      #expect(result.status == 0, "\(result)")
      #expect(outcomes.map(\.test) == [test] && outcomes.map(\.cases) == [cases], "\(result)")
      #expect(outcomes.allSatisfy { $0.failed == 0 }, "\(result)")
    }
  }
}
