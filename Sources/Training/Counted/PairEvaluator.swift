import Configuration
import Datasets
import Foundation
import MPI
import Metrics
import Tensors

/// Measures scores of pairs on a split, on all ranks: errors of values and ranked lists.
///
/// Samples are measured in fixed blocks and users in fixed blocks, whole blocks dealt to ranks, so the
/// result is equal to the last bit on any number of ranks.
struct PairEvaluator {
  let world: Communicator
  let pair: FactorPair

  /// Errors of the values of a split.
  ///
  /// - Parameters:
  ///   - reader: the samples.
  ///   - name: the head's name in the result: the field of values.
  ///   - metrics: what to measure; empty: rmse and mae.
  /// - Returns: the result, equal on all ranks.
  /// - Throws: what reading, the metrics or MPI throw.
  func values(
    _ reader: InteractionReader, name: String, metrics: [MetricName]
  ) throws -> EvaluationResult {
    let heads = [
      MetricHead(name: name, kind: .regression(outputs: 1), lossName: "meanSquaredError")
    ]
    let accumulator = try MetricAccumulator(heads: heads, metrics: metrics)
    try world.agree {
      let microbatch = Microbatch(
        capacity: InteractionReader.blockSamples, fields: reader.split.fields)
      for block in (0..<reader.blocks).part(world.rank, of: world.size) {
        try reader.read(block: block, into: microbatch)
        add(block, reader, microbatch, to: accumulator)
      }
    }
    let partials = try world.gatherBytes(accumulator.encode(), root: 0)
    var encoded: [UInt8] = []
    if let partials {
      let result = try MetricAccumulator.merge(
        partials, heads: heads, metrics: metrics, predictions: [reader.split.count])
      encoded = Array(try JSONEncoder().encode(result))
    }
    let shared = try world.broadcastBytes(encoded, root: 0)
    return try JSONDecoder().decode(EvaluationResult.self, from: Data(shared))
  }

  private func add(
    _ block: Int, _ reader: InteractionReader, _ microbatch: Microbatch,
    to accumulator: MetricAccumulator
  ) {
    var outputs: [Float] = []
    var truths: [Float] = []
    var loss = 0.0
    for index in 0..<microbatch.count {
      let sample = reader[index, microbatch]
      outputs.append(pair.score(sample.user, sample.item))
      truths.append(sample.value)
      let error = Double(outputs[index]) - Double(sample.value)
      loss += error * error
    }
    accumulator.add(
      head: 0, microbatch: block, count: microbatch.count, outputs: outputs, labels: nil,
      values: truths, loss: loss, weight: Double(microbatch.count))
  }

  /// Ranked lists against the held-out interactions of a split.
  ///
  /// A user's list holds the best items that training has seen with somebody else and not with this user.
  /// The right answers are the user's items of the split, those of training left out.
  ///
  /// - Parameters:
  ///   - reader: the held-out samples.
  ///   - seen: the items of each user in the training split.
  ///   - metrics: what to measure, at least one.
  ///   - relevant: the least value of a right answer; nil: every interaction is one.
  /// - Returns: the result, equal on all ranks.
  /// - Throws: what reading or MPI throw.
  func ranking(
    _ reader: InteractionReader, seen: ItemLists, metrics: [RankingMetricName], relevant: Double?
  ) throws -> RankingResult {
    let answers = try world.agree {
      try self.answers(reader, seen: seen, relevant: relevant)
    }
    let length = metrics.map(\.cut).max() ?? 1
    let counts = seen.popularity(items: pair.itemCount)
    let popular = FactorPair(users: 0, items: pair.itemCount, width: 1, offset: 0)
    popular.user(0)[0] = 1
    for item in 0..<pair.itemCount { popular.item(item)[0] = Float(counts[item]) }
    let (users, own) = try tally(pair, answers, seen, counts, length, metrics)
    let (_, baseline) = try tally(popular, answers, seen, counts, length, metrics)
    return RankingResult(users: users, metrics: own, popularity: baseline)
  }

  /// The right answers by user, for users that have any.
  private func answers(
    _ reader: InteractionReader, seen: ItemLists, relevant: Double?
  ) throws -> [(user: Int, items: [Int])] {
    var found: [Int: Set<Int>] = [:]
    try reader.forEach { sample in
      guard relevant.map({ Double(sample.value) >= $0 }) ?? true,
        !seen.contains(sample.user, sample.item)
      else { return }
      found[sample.user, default: []].insert(sample.item)
    }
    return found.sorted { $0.key < $1.key }.map { ($0.key, $0.value.sorted()) }
  }

  private func tally(
    _ pair: FactorPair, _ answers: [(user: Int, items: [Int])], _ seen: ItemLists,
    _ counts: [Int], _ length: Int, _ metrics: [RankingMetricName]
  ) throws -> (users: Int, values: [MetricValue]) {
    let users = answers.map(\.user)
    let lists = TopItems(pair, seen: seen, isCandidate: counts.map { $0 > 0 })
    var tally = RankingTally()
    var next =
      (0..<TopItems.blocks(users.count)).part(world.rank, of: world.size)
      .lowerBound * TopItems.userBlock
    for block in (0..<TopItems.blocks(users.count)).part(world.rank, of: world.size) {
      lists.forEach(block: block, of: users, length: length) { user, list in
        tally.add(user: user, list: list, relevant: answers[next].items)
        next += 1
      }
    }
    let parts = try world.allGatherVariable(tally.encoded)
    return RankingTally.combine(parts, metrics)
  }
}
