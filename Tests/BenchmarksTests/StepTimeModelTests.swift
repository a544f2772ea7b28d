import Benchmarks
import Testing

/// The prediction against its formulas, part by part.
struct StepTimeModelTests {
  static let work = StepTimeModel.Work(
    parameters: 1_000_000, microbatches: 8, flopsPerMicrobatch: 5e8, updateBytes: 28)

  /// GEMM 100 GFLOP/s, 12 GB/s alone and 16 GB/s for two; links of 1 GB/s, 10 and 20 µs.
  static func model(nodes: Int = 1, efficiency: Double = 0.5) -> StepTimeModel {
    StepTimeModel(
      work, on: MeasurementTests.measurement(nodes: nodes, ranksPerNode: 2), efficiency: efficiency)
  }

  static func isClose(_ found: Double, _ expected: Double) -> Bool {
    abs(found - expected) <= 1e-12 + 1e-9 * abs(expected)
  }

  @Test(arguments: [(1, 8), (2, 4), (3, 3), (4, 2), (5, 2), (8, 1)])
  func computeGoesInWaves(ranks: Int, waves: Int) {
    // 5e8 operations at half of 1e11 per second: 10 ms.
    #expect(Self.isClose(Self.model().time(ranks: ranks, nodes: 1).compute, Double(waves) * 0.01))
  }

  @Test(arguments: [(1, 12e9), (2, 16e9), (4, 16e9)])
  func memoryIsSharedByTheRanksOfANode(ranks: Int, bandwidth: Double) {
    let time = Self.model().time(ranks: ranks, nodes: 1)
    #expect(Self.isClose(time.reduce, 12e6 * 8 / bandwidth))
    #expect(Self.isClose(time.update, 28e6 / bandwidth))
    #expect(time.network == 0)
  }

  @Test func nodesShareTheMicrobatchesAndTheUpdate() {
    let time = Self.model(nodes: 3).time(ranks: 4, nodes: 2)
    #expect(Self.isClose(time.compute, 2 * 0.01))
    #expect(Self.isClose(time.reduce, 12e6 * 4 / 16e9))
    #expect(Self.isClose(time.update, 14e6 / 16e9))
    // Half of the parameters out as sums, half as weights, at the slowest link: 1 GB/s, 20 µs.
    #expect(Self.isClose(time.network, 4e6 / 1e9 + 2 * 2e-5))
    #expect(
      Self.isClose(time.total, time.compute + time.reduce + time.update + time.network))
  }

  @Test(arguments: [(1, 1, 0), (2, 1, 4000), (4, 1, 6000), (4, 3, 12_000)])
  func bytesBetweenNodes(nodes: Int, subtrees: Int, bytes: Int) {
    #expect(
      StepTimeModel.bytesPerNode(parameters: 1000, nodes: nodes, subtrees: subtrees) == bytes)
  }

  @Test func efficiencyIsOneForOneRankAndFallsWithLoss() {
    let model = Self.model(nodes: 2)
    #expect(model.scalingEfficiency(ranks: 1, nodes: 1) == 1)
    #expect(model.knowsNetwork && !Self.model().knowsNetwork)
    // Three ranks do eight microbatches in three waves, where 2.67 would do.
    #expect(model.scalingEfficiency(ranks: 3, nodes: 1) < 8.0 / 9)
    #expect(
      model.scalingEfficiency(ranks: 4, nodes: 2) < model.scalingEfficiency(ranks: 2, nodes: 1))
  }

  @Test func theSlowestRankDecides() {
    var machine = MeasurementTests.measurement(nodes: 1, ranksPerNode: 2)
    machine.ranks[1].core.gemm = 5e10
    let slow = StepTimeModel(Self.work, on: machine, efficiency: 0.5)
    let fast = Self.model()
    #expect(
      Self.isClose(
        slow.time(ranks: 2, nodes: 1).compute, 2 * fast.time(ranks: 2, nodes: 1).compute))
  }
}
