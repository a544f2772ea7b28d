import Buffers
import Glibc
import Parameters

/// Who is told for whom a rank waited.
public protocol WaitObserver: AnyObject {
  /// A wait begins.
  func waits(in phase: WaitPhase)
  /// A wait is over.
  ///
  /// - Parameters:
  ///   - localRank: the neighbour that came last, or nil for another node.
  ///   - phase: what was waited for.
  ///   - nanoseconds: how long it took.
  func waited(for localRank: Int?, in phase: WaitPhase, nanoseconds: Int)
}

/// What a rank can wait for.
public enum WaitPhase: Int, Sendable, CaseIterable {
  /// Neighbours' gradients.
  case reduce
  /// Other nodes' partial sums.
  case wire
  /// New weights.
  case publish
  /// Numbers that all ranks share once a step.
  case join
}

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
        return reducer.values(ofSum: sum.index, part)
          + (lane.range.lowerBound - part.range.lowerBound)
      }
    }
  }

  /// Waits until every local rank's counter has reached `value`, doing what can be done meanwhile.
  func wait(for counters: [SharedCounter], toReach value: Int, _ phase: WaitPhase) throws {
    if counters.haveReached(value) {
      // The last pair may be ready and not folded yet.
      _ = try progress()
      return
    }
    try observing(phase) {
      var patience = Patience()
      var last: Int?
      while let behind = counters.firstBelow(value) {
        last = behind
        if try progress() { patience = Patience() } else { patience.pause() }
      }
      _ = try progress()
      return last
    }
  }

  /// Lets messages move once, with some patience.
  func waitForMessages(_ phase: WaitPhase) throws {
    try observing(phase) {
      var patience = Patience()
      for _ in 0..<64 {
        if try progress() { return nil }
        patience.pause()
      }
      return nil
    }
  }

  /// Runs a wait and tells the observer whom it was for.
  private func observing(_ phase: WaitPhase, _ body: () throws -> Int?) throws {
    guard let waitObserver else {
      _ = try body()
      return
    }
    waitObserver.waits(in: phase)
    let start = Self.nanoseconds
    let last = try body()
    waitObserver.waited(for: last, in: phase, nanoseconds: Self.nanoseconds - start)
  }

  private static var nanoseconds: Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
  }
}
