import Buffers
import Foundation

/// Threads that bring blocks from the files before somebody needs them, in the order they were asked for.
final class ReadAhead: @unchecked Sendable {
  /// A block, and the place of the series at which it is needed.
  private struct Wish {
    let source: any RowSource
    let block: Int
    let stamp: Int
  }

  private let threadCount: Int
  private let condition = NSCondition()
  private var wishes: [Wish] = []
  private var taken = 0
  private var announced = 0
  private var isStopped = false
  private var threads: [BackgroundJob<Void>] = []

  /// Bytes that are on their way while others are worked on, and the wishes that may be.
  private static let announcedBytes = 8 << 20
  private static let announcements = 8...256

  /// Threads begin with the first wish.
  init(threads: Int) { threadCount = threads }

  /// Asks for a block.
  func ask(for block: Int, of source: any RowSource, stamp: Int) {
    condition.lock()
    wishes.append(Wish(source: source, block: block, stamp: stamp))
    if threads.isEmpty {
      threads = (0..<threadCount).map { _ in BackgroundJob("aimass-ahead") { [self] in run() } }
    }
    condition.signal()
    condition.unlock()
  }

  /// Gives up what is not done and ends the threads.
  ///
  /// - Returns: their processor seconds.
  func stop() -> Double {
    condition.lock()
    isStopped = true
    condition.broadcast()
    let threads = self.threads
    self.threads = []
    condition.unlock()
    return threads.reduce(0) { sum, thread in
      try? thread.wait()
      return sum + thread.processorSeconds
    }
  }

  private func run() {
    while let (wish, others) = take() {
      for other in others { other.source.announce(other.block) }
      while !wish.source.bring(wish.block, stamp: wish.stamp) {
        // What still has the room is read to its end first.
        guard sleepUnlessStopped() else { return }
      }
    }
  }

  /// The next wish, and those whose bytes shall begin to come; waits for one, nil when it is over.
  private func take() -> (Wish, [Wish])? {
    condition.lock()
    defer { condition.unlock() }
    while taken == wishes.count, !isStopped { condition.wait() }
    guard !isStopped else { return nil }
    let wish = wishes[taken]
    taken += 1
    announced = max(announced, taken)
    let many = Self.announcedBytes / max(1, wish.source.blockBytes)
    let end = min(
      wishes.count,
      taken + min(max(many, Self.announcements.lowerBound), Self.announcements.upperBound))
    let others = Array(wishes[announced..<max(announced, end)])
    announced = max(announced, end)
    if taken > 1024, taken * 2 > wishes.count {
      wishes.removeFirst(taken)
      announced -= taken
      taken = 0
    }
    return (wish, others)
  }

  private func sleepUnlessStopped() -> Bool {
    condition.lock()
    defer { condition.unlock() }
    if !isStopped { _ = condition.wait(until: Date(timeIntervalSinceNow: 0.005)) }
    return !isStopped
  }
}
