import TestSupport
import Testing

/// How a job ends when one of its ranks fails.
@Suite(.serialized)
struct RankFailureTests {
  @Test(arguments: [0, 2])
  func oneThrownErrorEndsTheJob(culprit: Int) throws {
    let result = try Mpirun.run(ranks: 3, "rank-checks", ["throw", "\(culprit)"], timeout: 30)
    #expect(result.status == 66, "\(result)")
    let messages = result.lines(with: "rank-checks: ")
    #expect(messages == ["rank-checks: rank \(culprit): thrown on purpose"], "\(result)")
    #expect(result.seconds < 20)
    #expect(result.leftovers.isEmpty)
  }

  @Test(arguments: [(["all"], 0), (["1", "2"], 1), (["2"], 2), (["0"], 0)])
  func anAgreedFailureIsToldOnce(failing: [String], teller: Int) throws {
    let result = try Mpirun.run(ranks: 3, "rank-checks", ["agree"] + failing, timeout: 30)
    #expect(result.status == 66, "\(result)")
    let messages = result.lines(with: "rank-checks: ")
    #expect(
      messages == ["rank-checks: rank \(teller): cannot agree on rank \(teller)"], "\(result)")
    #expect(result.lines(with: "MPI_ABORT").isEmpty, "ended by an abort: \(result)")
    #expect(result.leftovers.isEmpty)
  }

  @Test func agreementKeepsWhatEachRankHas() throws {
    let result = try Mpirun.run(ranks: 3, "rank-checks", ["agree"])
    #expect(result.status == 0, "\(result)")
  }

  @Test(arguments: [["throw", "0"], ["agree", "all"]])
  func aWorldOfOneEndsWithTheSameCode(arguments: [String]) throws {
    let result = try runProcess(
      try Products.program("rank-checks"), arguments, environment: Mpirun.environment)
    #expect(result.status == 66, "\(result)")
    #expect(result.lines(with: "rank-checks: rank 0: ").count == 1, "\(result)")
  }

  @Test(arguments: ["owned", "borrowed", "set"])
  func aDroppedMessageStopsTheProcess(kind: String) throws {
    let result = try Mpirun.run(ranks: 1, "rank-checks", ["drop", kind], timeout: 30)
    #expect(result.status == 128 + 4, "\(result)")
    #expect(!result.lines(with: "dropped").isEmpty, "\(result)")
    #expect(result.lines(with: "passed").isEmpty, "\(result)")
  }

  @Test func aHangHasANameAndAnEnd() throws {
    let result = try Mpirun.run(ranks: 2, "rank-checks", ["hang"], timeout: 2)
    #expect(result.status == 110, "\(result)")
    #expect(result.lines(with: "check hang").count == 1, "\(result)")
    #expect(result.leftovers.isEmpty)
  }
}
