import Foundation

/// A script of `Tests/Soak`, of which the test suite runs a seeded slice.
///
/// It prints one line of JSON per finished test: its name, the seed, how many cases ran and how many of
/// them failed; for each of those a line on the error output says how to run that case again.
public enum SoakTier {
  /// What one test of a tier came to.
  public struct Outcome: Sendable, Equatable {
    /// The test's name.
    public let test: String
    /// How many cases ran.
    public let cases: Int
    /// How many of them did not end as they must.
    public let failed: Int
  }

  /// Runs some cases of every test of a tier.
  ///
  /// - Parameters:
  ///   - name: the script.
  ///   - arguments: for example `--count` with how many cases of each test.
  ///   - timeout: seconds it may take.
  /// - Returns: how it ended, and its tests in order.
  /// - Throws: ``ProcessFailure`` if it cannot start, or is not done in time.
  public static func run(
    _ name: String, _ arguments: [String], timeout: Double = 120
  ) throws -> (result: ProcessResult, outcomes: [Outcome]) {
    let result = try runProcess(
      Checkout.folder + "/Tests/Soak/" + name, ["--seed", "1"] + arguments,
      environment: [
        "AIMASS": Products.folder + "/aimass", "AIMASS_ROOT": Checkout.folder,
        "PYTHONDONTWRITEBYTECODE": "1",
      ], timeout: timeout)
    let outcomes = result.output.split(separator: "\n").compactMap { line -> Outcome? in
      let object = try? JSONSerialization.jsonObject(with: Data(line.utf8))
      guard let told = object as? [String: Any], let test = told["test"] as? String,
        let cases = told["cases"] as? Int, let failed = told["failed"] as? Int
      else { return nil }
      return Outcome(test: test, cases: cases, failed: failed)
    }
    return (result, outcomes)
  }
}
