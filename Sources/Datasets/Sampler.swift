import Configuration
import Tensors

/// The samples of each epoch in their order, as a function of (seed, epoch, position): no state.
///
/// The order depends on the split, seed, epoch and mode alone, never on ranks or on how the file is laid
/// out.
///
/// - `full`: a keyed permutation of all samples.
/// - `window`: runs of `runLength` consecutive samples in keyed order; then, within each window of
///   `window` runs' worth of positions, a keyed permutation. A reader that keeps one window's chunks
///   decodes each chunk about once.
/// - `none`: file order.
/// - ``BalancedDraw``: classes in fixed shares.
/// - ``NegativeDraw``: a keyed permutation of all samples, each with a negative behind it.
/// - ``WeightedDraw``: samples in proportion to their weights, with replacement.
public struct Sampler: Sendable, Equatable {
  /// E: samples of an epoch; S where each comes once.
  public let count: Int
  /// Keys every epoch's order.
  public let seed: UInt64
  let order: Order

  /// What makes the order.
  enum Order: Sendable, Equatable {
    case full
    case window(runLength: Int, window: Int)
    case none
    case balanced(BalancedDraw)
    case weighted(WeightedDraw)
    case negatives(NegativeDraw)
  }

  /// Runs of a window unless said otherwise.
  public static let defaultWindow = 8

  /// The order of a split of `count` samples.
  ///
  /// - Parameters:
  ///   - count: S, at least 1.
  ///   - seed: the run's seed.
  ///   - shuffle: the mode.
  ///   - runLength: for `window`, consecutive samples of a run; ``Split/runLength``.
  ///   - window: for `window`, runs that are mixed.
  public init(
    count: Int, seed: UInt64, shuffle: DataConfiguration.Shuffle, runLength: Int = 1,
    window: Int = Sampler.defaultWindow
  ) {
    precondition(count > 0 && runLength > 0 && window > 0, "an order of \(count) samples")
    self.count = count
    self.seed = seed
    switch shuffle {
    case .full: order = .full
    case .window: order = .window(runLength: min(runLength, count), window: window)
    case .none: order = .none
    }
  }

  /// Epochs in which classes have fixed shares.
  ///
  /// - Parameters:
  ///   - draw: the classes and their shares of an epoch.
  ///   - seed: the run's seed.
  public init(_ draw: BalancedDraw, seed: UInt64) {
    (count, order) = (draw.count, .balanced(draw))
    self.seed = seed
  }

  /// Epochs of independent draws in proportion to weights.
  ///
  /// - Parameters:
  ///   - draw: the samples' weights.
  ///   - count: E, at least 1.
  ///   - seed: the run's seed.
  public init(_ draw: WeightedDraw, count: Int, seed: UInt64) {
    precondition(count > 0, "an epoch of \(count) samples")
    (self.count, order) = (count, .weighted(draw))
    self.seed = seed
  }

  /// Epochs in which a negative follows every sample.
  ///
  /// - Parameters:
  ///   - draw: the samples.
  ///   - seed: the run's seed.
  public init(_ draw: NegativeDraw, seed: UInt64) {
    (count, order) = (2 * draw.count, .negatives(draw))
    self.seed = seed
  }

  /// The sample at a place of an epoch.
  ///
  /// - Parameters:
  ///   - position: in `0 ..< count`.
  ///   - epoch: from 0.
  /// - Returns: the sample's number in the split; without sampling every number once per epoch.
  public func sample(at position: Int, epoch: Int) -> Int {
    precondition(position >= 0 && position < count, "position \(position) of \(count)")
    switch order {
    case .none: return position
    case .full: return mixed(position, of: count, epoch)
    case .window(let runLength, let window):
      return windowed(position, epoch, runLength: runLength, window: window)
    case .balanced(let draw): return balanced(mixed(position, of: count, epoch), epoch, draw)
    case .weighted(let draw): return draw.sample(at: position, epoch: epoch, seed: seed)
    case .negatives(let draw):
      let place = position / 2
      let sample = mixed(place, of: draw.count, epoch)
      guard position % 2 == 1 else { return sample }
      return draw.negative(of: sample, at: place, epoch: epoch, seed: seed)
    }
  }

  /// The samples at consecutive places of an epoch; see ``sample(at:epoch:)``.
  ///
  /// - Parameters:
  ///   - positions: in `0 ..< count`.
  ///   - epoch: from 0.
  ///   - output: room for all of them.
  public func samples(
    at positions: Range<Int>, epoch: Int, into output: UnsafeMutablePointer<Int64>
  ) {
    if order == .full {
      return KeyedPermutation(count: count, key: key(epoch, 0)).values(at: positions, into: output)
    }
    for (number, position) in positions.enumerated() {
      output[number] = Int64(sample(at: position, epoch: epoch))
    }
  }

  /// Gives every negative in a microbatch of consecutive positions what it has from the sample before it.
  ///
  /// - Parameter microbatch: filled with samples of this order, the first at an even position.
  func completeNegatives(in microbatch: Microbatch) {
    guard case .negatives(let draw) = order else { return }
    for field in microbatch.fields.indices
    where microbatch.holdsNumbers[field] && draw.kept.contains(microbatch.fields[field].name) {
      for row in stride(from: 1, to: microbatch.count, by: 2) {
        microbatch.copySample(row - 1, to: row, ofField: field)
      }
    }
  }

  private func mixed(_ position: Int, of count: Int, _ epoch: Int) -> Int {
    KeyedPermutation(count: count, key: key(epoch, 0)).value(at: position)
  }

  /// A class's members come in rounds; each round is a permutation of all of them, whatever epochs it
  /// stretches over.
  private func balanced(_ slot: Int, _ epoch: Int, _ draw: BalancedDraw) -> Int {
    let (group, turn) = draw.turn(slot: slot, epoch: epoch)
    let members = draw.members(of: group)
    let (round, place) = turn.quotientAndRemainder(dividingBy: members.count)
    let permutation = KeyedPermutation(count: members.count, key: key(round, 1 + group))
    return members[members.startIndex + permutation.value(at: place)]
  }

  private func key(_ epoch: Int, _ part: Int) -> UInt64 {
    let base = KeyedPermutation.mix(seed ^ 0x7368_7566_666C_6500)
    let epochs = KeyedPermutation.mix(base &+ UInt64(truncatingIfNeeded: epoch))
    return KeyedPermutation.mix(epochs &+ UInt64(truncatingIfNeeded: part))
  }

  private func windowed(
    _ position: Int, _ epoch: Int, runLength: Int, window: Int
  ) -> Int {
    // Mixed within the window first, then looked up in the concatenation of the runs.
    let windowLength = runLength * window
    let start = position / windowLength * windowLength
    let length = min(windowLength, count - start)
    let inner = KeyedPermutation(count: length, key: key(epoch, 1 + start / windowLength))
    return joined(start + inner.value(at: position - start), epoch, runLength: runLength)
  }

  /// The sample at a place of the epoch's runs, one behind the other.
  func joined(_ place: Int, _ epoch: Int, runLength: Int) -> Int {
    let runs = KeyedPermutation(count: (count + runLength - 1) / runLength, key: key(epoch, 0))
    // The last run of the file may be short; where it comes decides what follows it.
    let lastRun = Int(runs.count) - 1
    let shortLength = count - lastRun * runLength
    let shortStart = runs.position(of: lastRun) * runLength
    if place < shortStart {
      return runs.value(at: place / runLength) * runLength + place % runLength
    }
    if place < shortStart + shortLength { return lastRun * runLength + place - shortStart }
    let rest = place - shortStart - shortLength
    let run = shortStart / runLength + 1 + rest / runLength
    return runs.value(at: run) * runLength + rest % runLength
  }
}
