import TestSupport
import Testing

/// Checks that hold on every number of ranks, each a job of its own under `mpirun`.
@Suite(.serialized)
struct RankTests {
  @Test(
    arguments: ["collectives", "parts", "gathers", "messages", "requests", "groups", "refusals"],
    1...4)
  func holdsOnAnyNumberOfRanks(check: String, ranks: Int) throws {
    let result = try Mpirun.run(ranks: ranks, "rank-checks", [check])
    #expect(result.status == 0, "\(result)")
    #expect(result.lines(with: "passed \(check) on \(ranks)").count == 1, "\(result)")
    #expect(result.leftovers.isEmpty)
  }

  @Test(arguments: [1, 3])
  func theWorldIsAsLargeAsLaunched(ranks: Int) throws {
    let result = try Mpirun.run(ranks: ranks, "rank-checks", ["world", "\(ranks)", "launched"])
    #expect(result.status == 0, "\(result)")
  }

  @Test func theWorldHasOneRankWithoutLauncher() throws {
    let result = try runProcess(try Products.program("rank-checks"), ["world", "1"])
    #expect(result.status == 0, "\(result)")
    #expect(result.lines(with: "passed world on 1").count == 1, "\(result)")
  }

  @Test func aCheckThatDoesNotHoldFails() throws {
    let result = try Mpirun.run(ranks: 2, "rank-checks", ["world", "3", "launched"])
    #expect(result.status == 70, "\(result)")
    #expect(!result.lines(with: "ranks: found 2, expected 3").isEmpty, "\(result)")
  }

  @Test func anUnknownCheckIsAUsageError() throws {
    let result = try runProcess(try Products.program("rank-checks"), ["nonsense"])
    #expect(result.status == 64, "\(result)")
  }
}
