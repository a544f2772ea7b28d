import Buffers
import Parameters

extension Exchange {
  /// Folds what neighbours have ready and lets messages move.
  ///
  /// - Returns: whether something happened.
  /// - Throws: `MPIError` if a message fails.
  func progress() throws -> Bool {
    let before = (folded, published)
    try foldWhatIsReady()
    try notePublished()
    // Asking is what moves messages, also those that nobody waits for yet.
    if yielded < plan.buckets.count { _ = try link.sumsAreHere(yielded) }
    _ = try link.isQuiet()
    return before != (folded, published)
  }

  /// Folds pairs of (wave, bucket) in order, as far as all local ranks have come.
  private func foldWhatIsReady() throws {
    let count = plan.buckets.count
    let end = (firstWave + step.waves.count) * count
    while folded < end, memory.ready.haveReached(folded + 1) {
      let (wave, bucket) = folded.quotientAndRemainder(dividingBy: count)
      reducer.fold(step.waves[wave - firstWave], bucket: bucket) {
        memory.gradient(of: $0, inWave: wave)
      }
      folded += 1
      memory.drained[node.seat.localRank].advance(to: folded)
      if wave == firstWave + step.waves.count - 1 {
        residual?.sparsify(bucket, of: reducer, step, atStep: stepsTaken)
        try sendSums(bucket)
      }
    }
  }

  /// Sends this node's partial sums of a bucket to the owners on other nodes.
  private func sendSums(_ bucket: Int) throws {
    guard !link.toOwners[bucket].isEmpty else { return }
    for (number, sum) in step.sums.enumerated() {
      try link.sendSum(bucket, number: number) { lane in
        let part = reducer.parts[bucket][lane.node]
        return place(sum.operand, part) + (lane.range.lowerBound - part.range.lowerBound)
      }
    }
  }

  /// Waits for one number of one neighbour, in the middle of a pass.
  func wait(for counter: SharedCounter, toReach value: Int, from localRank: Int) throws {
    guard !counter.hasReached(value) else { return }
    observer?.waits(for: .rank(node.topology.nodes[node.seat.node][localRank]))
    var patience = Patience()
    while !counter.hasReached(value) {
      if try progress() { patience = Patience() } else { patience.pause() }
    }
    observer?.wentOn()
  }

  /// Waits until every local rank's counter has reached `value`, doing what can be done meanwhile.
  func wait(
    for counters: [SharedCounter], toReach value: Int, _ stage: ExchangeStage, bucket: Int
  ) throws {
    observer?.began(stage, bucket: bucket)
    var patience = Patience()
    var shown: Int?
    while let behind = counters.firstBelow(value) {
      if try progress() {
        patience = Patience()
        continue
      }
      if shown != behind {
        observer?.waits(for: .rank(node.topology.nodes[node.seat.node][behind]))
        shown = behind
      }
      patience.pause()
    }
    if shown != nil { observer?.wentOn() }
    // The last pair may be ready and not folded yet.
    _ = try progress()
  }

  /// Waits until `condition` holds, which only messages of other nodes can bring about.
  ///
  /// - Parameters:
  ///   - stage: what is waited for.
  ///   - bucket: of which bucket.
  ///   - other: the node it comes from, as far as it is known.
  ///   - condition: asked after every look at the messages.
  /// - Throws: `MPIError` if a message fails.
  func waitForMessages(
    _ stage: ExchangeStage, bucket: Int, of other: Int?, until condition: () throws -> Bool
  ) throws {
    observer?.began(stage, bucket: bucket)
    guard try !condition() else { return }
    let isOnlyOther = node.topology.nodes.count == 2
    observer?.waits(for: isOnlyOther ? other.map { .node($0) } ?? .everyone : .everyone)
    defer { observer?.wentOn() }
    var patience = Patience(forMessages: true)
    while try !condition() {
      if try progress() { patience = Patience(forMessages: true) } else { patience.pause() }
    }
  }
}
