import Buffers
import MPI

/// Finds the k-th smallest score among those of all ranks, exactly: a radix select over 31 bits.
///
/// The bits of a Float32 without its sign order as the magnitudes do. Scores are counted by their upper 16
/// bits, over all ranks in Int64; the bin that holds the k-th is found; the scores of that bin are counted by
/// their lower 15 bits. Counts are whole numbers, so the result is the same on any number of ranks.
///
/// Of many scores, a few are looked at first, to guess a narrow range that holds the k-th. One sweep then counts what
/// is below it and keeps what is in it, and only that is selected from. Where the guess was wrong all are.
///
/// - Cost: one sweep over this rank's scores where the guess is right, two more where it is wrong; reductions
///   of 512 and 256 KiB.
public final class RadixSelect {
  static let lowBits: UInt32 = 15
  static let highBins = 1 << 16
  static let lowBins = 1 << 15
  /// The bits of a magnitude.
  static let magnitude: UInt32 = 0x7FFF_FFFF
  /// The first bin of infinity and NaN.
  private static let firstNonFinite = Int(Float.infinity.bitPattern >> lowBits)

  let world: Communicator
  /// From how many scores on a range is guessed.
  let guessedFrom: Int
  /// Two rows that take turns, so that equal neighbours do not wait for each other.
  private let counts = HostBuffer<UInt32>(count: 2 * highBins)
  private let sums = HostBuffer<Int64>(count: highBins)

  /// A select over all ranks of `world`.
  ///
  /// - Parameters:
  ///   - world: all ranks.
  ///   - guessedFrom: from how many scores on a range is guessed; changes no result.
  public init(_ world: Communicator, guessedFrom: Int = 1 << 20) {
    self.world = world
    self.guessedFrom = guessedFrom
  }

  /// The score up to which `count` live scores are pruned.
  ///
  /// Collective.
  ///
  /// - Parameters:
  ///   - count: k, at least 1 and at most the live scores of all ranks.
  ///   - stretches: this rank's scores; may be none.
  ///   - dead: how many of the scores of all ranks are dead, and so 0; they are not counted.
  /// - Returns: the threshold, equal on all ranks.
  /// - Throws: ``PruningError`` where a score is NaN or infinite, or where there are fewer live scores than
  ///   `count`; `MPIError`.
  public func threshold(
    pruning count: Int, of stretches: [ScoreStretch], dead: Int
  ) throws -> Threshold {
    precondition(count > 0, "nothing to prune")
    guard let range = try guessRange(around: count + dead, of: stretches) else {
      return try select(count, from: stretches, below: 0, dead: dead)
    }
    let kept = keep(range, of: stretches)
    var facts = [Int64(kept.below), Int64(kept.count), kept.isSound ? 0 : 1]
    try world.allReduce(&facts, by: .sum)
    let wanted = Int64(count + dead)
    guard facts[2] == 0, facts[0] < wanted, wanted <= facts[0] + facts[1] else {
      return try select(count, from: stretches, below: 0, dead: dead)
    }
    return try kept.withStretch {
      try select(count, from: [$0], below: Int(facts[0]), dead: dead)
    }
  }

  /// The threshold among scores above `below` others.
  private func select(
    _ count: Int, from stretches: [ScoreStretch], below: Int, dead: Int
  ) throws -> Threshold {
    // The dead are 0: they are the first of all, or among what is below.
    let first = below == 0 ? dead : 0
    let wanted = Int64(count) - Int64(below == 0 ? 0 : below - dead)
    try countHigh(stretches)
    sums[0] -= Int64(first)
    guard sums.all[Self.firstNonFinite...].allSatisfy({ $0 == 0 }) else {
      throw PruningError(.nonFinite, "a weight or score is NaN or infinite")
    }
    let (high, before) = try bin(of: wanted, among: Self.highBins)
    try countLow(stretches, in: UInt32(high))
    if high == 0 { sums[0] -= Int64(first) }
    let (low, rest) = try bin(of: wanted - before, among: Self.lowBins)
    return Threshold(
      key: UInt32(high) << Self.lowBits | UInt32(low), ties: Int(wanted - before - rest),
      equals: Int(sums[low]))
  }

  /// The first bin in which the running count reaches `count`, and what is counted before it.
  private func bin(of count: Int64, among bins: Int) throws -> (bin: Int, before: Int64) {
    var before: Int64 = 0
    for bin in 0..<bins {
      if before + sums.base[bin] >= count { return (bin, before) }
      before += sums.base[bin]
    }
    throw PruningError(
      .disagreement,
      "\(count) weights are to be pruned, but only \(before) are live: a dead weight is not 0 any more; memory "
        + "or a processor is faulty, or the mask is of other weights")
  }

  /// Counts the scores of all ranks by their upper bits.
  ///
  /// - Returns: the counts by bin; valid until the next.
  @discardableResult
  func countHigh(_ stretches: [ScoreStretch]) throws -> UnsafeMutableBufferPointer<Int64> {
    counts.all.update(repeating: 0)
    for stretch in stretches { countHigh(stretch) }
    return try reduce(Self.highBins)
  }

  /// Counts the scores of all ranks in one bin by their lower bits.
  private func countLow(_ stretches: [ScoreStretch], in high: UInt32) throws {
    counts.all.update(repeating: 0)
    for stretch in stretches { countLow(stretch, in: high) }
    _ = try reduce(Self.lowBins)
  }

  private func reduce(_ bins: Int) throws -> UnsafeMutableBufferPointer<Int64> {
    for bin in 0..<bins {
      sums.base[bin] = Int64(counts.base[bin]) + Int64(counts.base[Self.highBins + bin])
    }
    let used = UnsafeMutableBufferPointer(rebasing: sums.all[..<bins])
    try world.allReduce(used, by: .sum)
    return used
  }

  private func countHigh(_ stretch: ScoreStretch) {
    let (even, odd) = (counts.base, counts.base + Self.highBins)
    let bits = stretch.bits
    var index = 0
    while index + 2 <= stretch.range.count {
      let pair = bits.loadUnaligned(fromByteOffset: 4 * index, as: UInt64.self)
      even[Int(pair >> UInt64(Self.lowBits)) & (Self.highBins - 1)] &+= 1
      odd[Int(pair >> (32 + UInt64(Self.lowBits))) & (Self.highBins - 1)] &+= 1
      index += 2
    }
    guard index < stretch.range.count else { return }
    even[Int((stretch.base[index].bitPattern & Self.magnitude) >> Self.lowBits)] &+= 1
  }

  private func countLow(_ stretch: ScoreStretch, in high: UInt32) {
    let bits = stretch.bits
    let wanted = SIMD8<UInt32>(repeating: high << Self.lowBits)
    let upper = SIMD8<UInt32>(repeating: Self.magnitude & ~UInt32(Self.lowBins - 1))
    var index = 0
    while index + 8 <= stretch.range.count {
      let keys = bits.loadUnaligned(fromByteOffset: 4 * index, as: SIMD8<UInt32>.self)
      let hits = (keys & upper) .== wanted
      if any(hits) {
        for lane in 0..<8 where hits[lane] { countLow(keys[lane]) }
      }
      index += 8
    }
    while index < stretch.range.count {
      let key = stretch.base[index].bitPattern
      if key & upper[0] == wanted[0] { countLow(key) }
      index += 1
    }
  }

  @inline(__always)
  private func countLow(_ key: UInt32) { counts.base[Int(key) & (Self.lowBins - 1)] &+= 1 }
}
