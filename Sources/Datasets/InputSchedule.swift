/// The microbatches of a series as far as they are known, and what has to be read ahead for them.
///
/// In a windowed order the blocks of a window are asked for while the one before it is read: each rank needs
/// all of them at once, in no order. In other orders the blocks of the next few microbatches are. Only
/// microbatches that really come are looked at, so nothing is read for nobody.
final class InputSchedule {
  private let split: Split
  private let order: Sampler?
  private let ahead: ReadAhead
  private let request: (Int) -> BatchRequest?
  private var known: [BatchRequest] = []
  private var taken = 0
  private var number = 0
  private var isEnded = false
  /// The place up to which windows were asked for.
  private var asked = Int.min
  /// Whether other orders still find blocks that must be brought.
  private var looksAhead = true

  /// Samples of other orders that are looked at ahead, at most.
  private static let distance = 4096

  init(
    _ split: Split, _ order: Sampler?, _ ahead: ReadAhead,
    _ request: @escaping (Int) -> BatchRequest?
  ) {
    (self.split, self.order, self.ahead, self.request) = (split, order, ahead, request)
  }

  /// The next microbatch of the series, nil after the last.
  func next() -> BatchRequest? {
    guard taken < known.count || learn() else { return nil }
    let next = known[taken]
    taken += 1
    if taken > 256, taken * 2 > known.count {
      known.removeFirst(taken)
      taken = 0
    }
    if let window = order?.window(holding: next.positions.lowerBound) {
      split.reach(place(window.lowerBound, next.epoch))
      // Microbatches of this window and the next are known; the first behind them ends the look.
      while !isEnded, isNear(known.last ?? next, to: window, next.epoch) { learn() }
    } else {
      split.reach(place(next.positions.lowerBound, next.epoch))
      let most = max(4, distance / max(1, next.positions.count))
      while looksAhead, !isEnded, known.count - taken < most { learn() }
    }
    return next
  }

  /// Samples of other orders that are looked at ahead: of large ones fewer.
  private var distance: Int {
    min(Self.distance, split.aheadBytes / max(1, split.byteCount / max(1, split.count)))
  }

  /// The place of a position in the series.
  private func place(_ position: Int, _ epoch: Int) -> Int {
    epoch * (order?.count ?? split.count) + position
  }

  /// Whether a microbatch begins in a window or the one behind it, be it of the next epoch.
  private func isNear(_ request: BatchRequest, to window: Range<Int>, _ epoch: Int) -> Bool {
    let start = place(window.lowerBound, epoch)
    guard let other = order?.window(holding: request.positions.lowerBound) else { return false }
    let place = place(other.lowerBound, request.epoch)
    return place <= start || place == start + window.count
  }

  /// Asks for one more microbatch and what it needs.
  ///
  /// - Returns: false after the last.
  @discardableResult private func learn() -> Bool {
    guard !isEnded, let request = request(number) else {
      isEnded = true
      return false
    }
    number += 1
    known.append(request)
    guard let order else {
      askForSamples(request)
      return true
    }
    guard order.window(holding: request.positions.lowerBound) != nil else {
      askForSamples(request)
      return true
    }
    for position in [request.positions.lowerBound, request.positions.upperBound - 1] {
      guard let window = order.window(holding: position) else { continue }
      askForWindow(window, request.epoch, order)
    }
    return true
  }

  private func askForWindow(_ window: Range<Int>, _ epoch: Int, _ order: Sampler) {
    let stamp = place(window.lowerBound, epoch)
    guard stamp > asked else { return }
    asked = stamp
    for run in order.runs(ofWindow: window, epoch: epoch) {
      split.forEachBlock(of: run) { ahead.ask(for: $1, of: $0, stamp: stamp) }
    }
  }

  private func askForSamples(_ request: BatchRequest) {
    guard looksAhead else { return }
    let stamp = place(request.positions.lowerBound, request.epoch)
    var asked = Set<[Int]>()
    for position in request.positions {
      let sample = order?.sample(at: position, epoch: request.epoch) ?? position
      split.forEachBlock(of: sample..<sample + 1) { source, block in
        guard !source.isAtHand(block),
          asked.insert([ObjectIdentifier(source).hashValue, block]).inserted
        else { return }
        ahead.ask(for: block, of: source, stamp: stamp)
      }
    }
    // A split that is in memory whole, or will be at once, needs no second look at its order.
    if asked.isEmpty, split.isWhole { looksAhead = false }
  }
}
