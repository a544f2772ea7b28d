import Foundation
import TestSupport
import Testing

/// A few cases of the tiers in `Tests/Soak`, which `launch/soak` runs by the hundred.
private enum Tier {
  /// Runs the first `count` cases of a seed and returns the line that tells how they went.
  static func run(
    _ name: String, seed: Int, count: Int, faults: Bool = false
  ) throws -> ProcessResult {
    try withTemporaryFolder { folder in
      try runProcess(
        Checkout.folder + "/Tests/Soak/\(name)", ["--seed", "\(seed)", "--count", "\(count)"],
        environment: [
          "AIMASS": Aimass.program, "AIMASS_ROOT": Checkout.folder, "AIMASS_SCRATCH": folder.path,
          "AIMASS_DEBUG": faults ? Products.faultProgram : "", "PYTHONDONTWRITEBYTECODE": "1",
        ], timeout: 240)
    }
  }

  static func expectNoneFailed(_ result: ProcessResult, _ count: Int) {
    #expect(result.status == 0, "\(result)")
    #expect(result.output.contains("\"cases\": \(count), \"failed\": 0"), "\(result)")
    #expect(result.leftovers.isEmpty)
  }
}

extension JobTests {
  /// Numbers that go wrong, and resumes that must show what they lack.
  @Suite(.serialized) struct NumericFaultTests {
    @Test func whatACheckpointHoldsIsMissedWhereItIsLeftOut() throws {
      Tier.expectNoneFailed(try Tier.run("resume-negative", seed: 3, count: 3), 3)
    }

    @Test(
      .enabled(
        if: (try? Products.faultProgram) != nil, "the program with fault points is not built"))
    func whatIsNotFiniteAndWhatFlipsIsToldAndSurvived() throws {
      Tier.expectNoneFailed(try Tier.run("non-finite", seed: 1, count: 3, faults: true), 3)
      Tier.expectNoneFailed(try Tier.run("flipped-bits", seed: 1, count: 2, faults: true), 2)
    }

    @Test func aRunResumesExactlyAfterAnyStepOnAnyNumberOfRanks() throws {
      Tier.expectNoneFailed(try Tier.run("resume", seed: 1, count: 2), 2)
    }

    @Test func whatEarlierProgramsWroteIsReadAndWhatLaterOnesWroteIsRefused() throws {
      Tier.expectNoneFailed(try Tier.run("old-formats", seed: 2, count: 4), 4)
    }

    @Test(
      .enabled(
        if: (try? Products.faultProgram) != nil, "the program with fault points is not built"))
    func everySampleIsUsedOncePerEpochWhateverHappens() throws {
      Tier.expectNoneFailed(try Tier.run("coverage", seed: 1, count: 1, faults: true), 1)
    }

    @Test(.enabled(if: geteuid() == 0, "needs root, to mount another folder for one rank"))
    func aRankThatSeesOtherCheckpointsIsRefusedAndAWrongClockIsNot() throws {
      Tier.expectNoneFailed(try Tier.run("mismatches", seed: 1, count: 2), 2)
    }
  }
}
