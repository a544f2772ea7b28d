import TestSupport
import Testing

/// A seeded slice of the soak tiers about the store; all of their cases run by hand.
@Suite(.serialized, .enabled(if: Python.has("zipfile"), "python3 is not on PATH"))
struct StoreTierTests {
  @Test(arguments: [
    ("store-power", 1000, ["B7", "B11-records"]), ("store-faults", 80, ["B1", "B2", "B3", "B4"]),
    ("store-damage", 250, ["C1", "C2", "C2-newer", "C2-harmless", "C5"]),
    ("store-disk", 15, ["B5"]),
  ])
  func everyCaseEndsAsItMust(tier: String, count: Int, tests: [String]) throws {
    let (result, outcomes) = try SoakTier.run(tier, ["--count", "\(count)"])
    #expect(result.status == 0, "\(result)")
    // B6 needs strace.
    #expect(outcomes.map(\.test).filter { $0 != "B6" } == tests, "\(result)")
    #expect(outcomes.allSatisfy { $0.cases > 0 && $0.failed == 0 }, "\(result)")
  }

  @Test func everyMistakeStillHasItsPlaceInTheSources() throws {
    let (result, _) = try SoakTier.run("store-mutants", ["--count", "0"])
    #expect(result.status == 0, "\(result)")
  }
}
