import Configuration
import Metrics
import Testing

/// The result has the same bits however microbatches are dealt to ranks and merged.
@Suite struct PartitionTests {
  private static let heads: [Samples] = [
    .classes(157, 7, seed: 21, used: 7), .yesOrNo(157, 1, seed: 22), .yesOrNo(157, 4, seed: 23),
    .numbers(157, 2, seed: 24, offset: 1000),
    .transcripts(157, seed: 25),
  ]
  private static let metrics = MetricName.allCases

  /// Deals the microbatches by `owner` to `ranks` and merges the partials in `order`.
  private func measure(
    ranks: Int, order: [Int], owner: (Int) -> Int
  ) throws -> EvaluationResult {
    let heads = PartitionTests.heads.map(\.head)
    let size = 8
    let accumulators = try (0..<ranks).map { _ in
      try MetricAccumulator(heads: heads, metrics: PartitionTests.metrics)
    }
    for index in (0..<(157 + size - 1) / size).reversed() {
      for (head, samples) in PartitionTests.heads.enumerated() {
        samples.add(microbatch: index, of: size, to: accumulators[owner(index)], head: head)
      }
    }
    return try MetricAccumulator.merge(
      order.map { accumulators[$0].encode() }, heads: heads, metrics: PartitionTests.metrics,
      predictions: heads.map { _ in 157 })
  }

  /// Every number of a result by its bits.
  private func bits(_ result: EvaluationResult) -> [UInt64?] {
    result.heads.flatMap { head in
      [head.loss?.bitPattern] + head.metrics.map { $0.value?.bitPattern }
    } + [result.loss?.bitPattern]
  }

  @Test func anyDealGivesTheSameBits() throws {
    let whole = try measure(ranks: 1, order: [0]) { _ in 0 }
    #expect(bits(whole).count > 40)
    #expect(!bits(whole).contains(nil))
    var draws = Draws(5)
    for ranks in 1...8 {
      for _ in 0..<4 {
        let owners = (0..<20).map { _ in draws.below(UInt64(ranks)) }
        var order = Array(0..<ranks)
        for index in order.indices.reversed() {
          order.swapAt(index, draws.below(UInt64(index + 1)))
        }
        let result = try measure(ranks: ranks, order: order) { owners[$0] }
        #expect(bits(result) == bits(whole), "\(ranks) ranks")
        #expect(result == whole)
      }
    }
  }

  /// The sums really depend on order, so that the test above could fail.
  @Test func lossesWouldDifferInAnotherOrder() throws {
    var parts: [Double] = []
    for index in 0..<20 {
      let samples = index * 8..<min(157, index * 8 + 8)
      parts.append(samples.reduce(0.0) { $0 + 1 / Double($1 + 3) })
    }
    #expect(parts.reduce(0, +) != parts.reversed().reduce(0, +))
  }

  @Test func ranksWithoutMicrobatchesAddNothing() throws {
    let whole = try measure(ranks: 1, order: [0]) { _ in 0 }
    #expect(try measure(ranks: 5, order: [4, 0, 3, 1, 2]) { _ in 3 } == whole)
  }

  @Test func aDoubledMicrobatchIsRefused() throws {
    let samples = PartitionTests.heads[0]
    let accumulator = try MetricAccumulator(heads: [samples.head], metrics: [])
    samples.add(microbatch: 2, of: 8, to: accumulator)
    let error = #expect(throws: MetricError.self) {
      try MetricAccumulator.merge(
        [accumulator.encode(), accumulator.encode()], heads: [samples.head], metrics: [])
    }
    #expect(error?.code == .coverage)
    #expect(error?.message.contains("microbatch 2 was counted by two ranks") == true)
  }

  @Test func missingSamplesAreRefused() throws {
    let samples = PartitionTests.heads[0]
    let accumulator = try MetricAccumulator(heads: [samples.head], metrics: [])
    samples.add(microbatch: 0, of: 8, to: accumulator)
    let error = #expect(throws: MetricError.self) {
      try MetricAccumulator.merge(
        [accumulator.encode()], heads: [samples.head], metrics: [], predictions: [157])
    }
    #expect(error?.code == .coverage)
  }

  @Test func damagedPartialsAreRefused() throws {
    let samples = PartitionTests.heads[0]
    let accumulator = try MetricAccumulator(heads: [samples.head], metrics: [.accuracy])
    samples.add(microbatch: 0, of: 8, to: accumulator)
    let bytes = accumulator.encode()
    for length in 0..<bytes.count {
      let error = #expect(throws: MetricError.self) {
        try MetricAccumulator.merge(
          [Array(bytes[..<length])], heads: [samples.head], metrics: [.accuracy])
      }
      #expect(error?.code == .partial)
    }
    let other = #expect(throws: MetricError.self) {
      try MetricAccumulator.merge([bytes], heads: [samples.head], metrics: [.rocAUC])
    }
    #expect(other?.code == .partial)
  }
}
