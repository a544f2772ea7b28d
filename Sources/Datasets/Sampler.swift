import Configuration

/// The order of a split's samples in each epoch, as a function: no list, no state.
///
/// The order depends on S, seed, epoch, mode, run length and window alone, never on ranks or on how the
/// file is laid out.
///
/// - `full`: a keyed permutation of all samples.
/// - `window`: runs of `runLength` consecutive samples in keyed order; then, within each window of
///   `window` runs' worth of positions, a keyed permutation. A reader that keeps one window's chunks
///   decodes each chunk about once.
/// - `none`: file order.
public struct Sampler: Sendable, Equatable {
  /// S.
  public let count: Int
  /// Keys every epoch's order.
  public let seed: UInt64
  /// The mode.
  public let shuffle: DataConfiguration.Shuffle
  /// Consecutive samples that stay together in a window.
  public let runLength: Int
  /// Runs of a window.
  public let window: Int

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
    self.shuffle = shuffle
    self.runLength = min(runLength, count)
    self.window = window
  }

  /// The sample at a place of an epoch.
  ///
  /// - Parameters:
  ///   - position: in `0 ..< count`.
  ///   - epoch: from 0.
  /// - Returns: the sample's number in the split; every number once per epoch.
  public func sample(at position: Int, epoch: Int) -> Int {
    precondition(position >= 0 && position < count, "position \(position) of \(count)")
    switch shuffle {
    case .none: return position
    case .full:
      return KeyedPermutation(count: count, key: key(epoch, 0)).value(at: position)
    case .window: return windowed(position, epoch)
    }
  }

  private func key(_ epoch: Int, _ part: Int) -> UInt64 {
    let base = KeyedPermutation.mix(seed ^ 0x7368_7566_666C_6500)
    let epochs = KeyedPermutation.mix(base &+ UInt64(truncatingIfNeeded: epoch))
    return KeyedPermutation.mix(epochs &+ UInt64(truncatingIfNeeded: part))
  }

  private func windowed(_ position: Int, _ epoch: Int) -> Int {
    // Mixed within the window first, then looked up in the concatenation of the runs.
    let windowLength = runLength * window
    let start = position / windowLength * windowLength
    let length = min(windowLength, count - start)
    let inner = KeyedPermutation(count: length, key: key(epoch, 1 + start / windowLength))
    let place = start + inner.value(at: position - start)
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
