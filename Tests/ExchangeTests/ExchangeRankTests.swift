import TestSupport
import Testing

/// The exchange on real ranks; what is compared stands in `Tests/RankChecks/ExchangeChecks.swift`.
@Suite(.serialized)
struct ExchangeRankTests {
  @Test(arguments: [1, 2, 3, 4, 6])
  func reducesToTheSameBitsOnAnyNumberOfRanks(ranks: Int) throws {
    let result = try Mpirun.run(ranks: ranks, "rank-checks", ["exchange"], timeout: 120)
    #expect(result.status == 0, "\(result)")
    #expect(result.lines(with: "passed exchange on \(ranks)").count == 1, "\(result)")
    #expect(result.leftovers.isEmpty)
  }

  @Test(arguments: [2, 3, 4])
  func anyScheduleGivesTheSameBits(ranks: Int) throws {
    let result = try Mpirun.run(ranks: ranks, "rank-checks", ["schedules", "6"], timeout: 120)
    #expect(result.status == 0, "\(result)")
    #expect(result.lines(with: "passed schedules on \(ranks)").count == 1, "\(result)")
  }

  @Test(arguments: [1, 3, 4])
  func aFlippedBitInACopyOfTheWeightsIsNamed(ranks: Int) throws {
    let result = try Mpirun.run(ranks: ranks, "rank-checks", ["corruption"], timeout: 60)
    #expect(result.status == 0, "\(result)")
  }

  @Test(arguments: 1...4) func rowsOfAShardedTableAddUpAtTheirOwners(ranks: Int) throws {
    let result = try Mpirun.run(ranks: ranks, "rank-checks", ["shards"], timeout: 120)
    #expect(result.status == 0, "\(result)")
    #expect(result.lines(with: "passed shards on \(ranks)").count == 1, "\(result)")
    #expect(result.leftovers.isEmpty)
  }

  @Test func aThreadMovesMessagesWhileRanksCompute() throws {
    let result = try Mpirun.run(
      ranks: 2, "rank-checks", ["progress"], environment: ["OMPI_MCA_btl": "tcp,self"])
    #expect(result.status == 0, "\(result)")
  }

  @Test(arguments: [2, 3, 4], ["wire", "residuals"])
  func sendsOtherFormsBetweenNodes(ranks: Int, check: String) throws {
    let result = try Mpirun.run(ranks: ranks, "rank-checks", [check], timeout: 120)
    #expect(result.status == 0, "\(result)")
    #expect(result.lines(with: "passed \(check) on \(ranks)").count == 1, "\(result)")
    #expect(result.leftovers.isEmpty)
  }
}
