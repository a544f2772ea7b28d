import Foundation
import Preparation

/// Ranks as threads of one process, which meet at every call.
final class ThreadExchange: @unchecked Sendable {
  private let ranks: Int
  private let condition = NSCondition()
  private var slots: [[UInt8]]
  private var arrived = 0
  private var round = 0
  private var result: [[UInt8]] = []

  init(ranks: Int) {
    self.ranks = ranks
    slots = Array(repeating: [], count: ranks)
  }

  /// Hands in bytes and waits for those of all ranks.
  func meet(_ rank: Int, _ bytes: [UInt8]) -> [[UInt8]] {
    condition.lock()
    defer { condition.unlock() }
    let mine = round
    slots[rank] = bytes
    arrived += 1
    if arrived == ranks {
      result = slots
      arrived = 0
      round += 1
      condition.broadcast()
    } else {
      while round == mine { condition.wait() }
    }
    return result
  }

  /// One rank's end of the exchange.
  struct Rank: PreparationExchange {
    let rank: Int
    let shared: ThreadExchange

    func gatherBytes(_ bytes: [UInt8]) -> [[UInt8]]? {
      let all = shared.meet(rank, bytes)
      return rank == 0 ? all : nil
    }

    func broadcastBytes(_ bytes: [UInt8]) -> [UInt8] { shared.meet(rank, bytes)[0] }
  }
}

/// Runs `body` on every rank at once.
///
/// - Parameters:
///   - ranks: how many.
///   - body: what each rank does; all of them succeed, or the test fails.
/// - Returns: the ranks' results.
/// - Throws: the first rank's error.
func onRanks<Result: Sendable>(
  _ ranks: Int, _ body: @escaping @Sendable (Int, any PreparationExchange) throws -> Result
) throws -> [Result] {
  let shared = ThreadExchange(ranks: ranks)
  let results = Results<Result>(ranks)
  // Ranks wait for one another, so each needs a thread of its own, however few cores there are.
  let done = DispatchGroup()
  for rank in 0..<ranks {
    done.enter()
    Thread.detachNewThread {
      results.set(
        rank, Swift.Result { try body(rank, ThreadExchange.Rank(rank: rank, shared: shared)) })
      done.leave()
    }
  }
  done.wait()
  return try results.all()
}

/// The results of ranks, set from their threads.
private final class Results<Value>: @unchecked Sendable {
  private let lock = NSLock()
  private var values: [Swift.Result<Value, any Error>?]

  init(_ count: Int) { values = Array(repeating: nil, count: count) }

  func set(_ rank: Int, _ value: Swift.Result<Value, any Error>) {
    lock.withLock { values[rank] = value }
  }

  func all() throws -> [Value] {
    try lock.withLock { try values.compactMap { try $0?.get() } }
  }
}
