import Buffers
import Parameters

/// The bits of a mask while it is chosen: this rank writes the words of the blocks it owns.
///
/// A block is a whole number of words, so no two ranks write the same one.
final class MaskWords {
  private let words: HostBuffer<UInt64>
  private let tieCounts: HostBuffer<Int64>

  /// Words for P places, all dead.
  init(count: Int) {
    words = HostBuffer(count: ParameterMask.wordCount(of: count))
    tieCounts = HostBuffer(
      count: (count + ParameterLayout.blockSize - 1) / ParameterLayout.blockSize)
  }

  /// Of each block, first how many scores equal the threshold, then how many of those are still to be pruned.
  var ties: UnsafeMutableBufferPointer<Int64> { tieCounts.all }

  /// All words.
  var all: UnsafeMutableBufferPointer<UInt64> { words.all }

  /// Makes the places of a stretch live whose score is at least `cut` and that were live before.
  ///
  /// - Parameters:
  ///   - stretch: scores.
  ///   - cut: bits of a score.
  ///   - mask: what was live before; nil: all.
  /// - Returns: how many of the stretch are dead now.
  func mark(_ stretch: ScoreStretch, from cut: UInt32, _ mask: ParameterMask?) -> Int {
    var dead = 0
    forEachWord(of: stretch) { word, bits, index, count in
      var live =
        count == 64
        ? Self.atLeast(cut, stretch.bits + 4 * index)
        : Self.atLeast(cut, stretch.bits + 4 * index, count) << UInt64(bits.trailingZeroBitCount)
      if let mask { live &= mask.bits[word] }
      words.base[word] = words.base[word] & ~bits | live
      dead += count - live.nonzeroBitCount
    }
    return dead
  }

  /// Which of 64 scores are at least `cut`.
  @inline(__always)
  private static func atLeast(_ cut: UInt32, _ scores: UnsafeRawPointer) -> UInt64 {
    typealias Keys = SIMD8<Int32>
    // Keys have 31 bits, so signed numbers order them too.
    let least = Keys(repeating: Int32(cut) - 1)
    let magnitude = Keys(repeating: Int32(bitPattern: RadixSelect.magnitude))
    let places = Keys(1, 2, 4, 8, 16, 32, 64, 128)
    var live: UInt64 = 0
    for part in 0..<8 {
      let keys = scores.loadUnaligned(fromByteOffset: 32 * part, as: Keys.self) & magnitude
      let bits = places.replacing(with: 0, where: keys .<= least).wrappedSum()
      live |= UInt64(UInt32(bitPattern: bits)) << UInt64(8 * part)
    }
    return live
  }

  /// The same for fewer.
  private static func atLeast(_ cut: UInt32, _ scores: UnsafeRawPointer, _ count: Int) -> UInt64 {
    var live: UInt64 = 0
    for lane in 0..<count {
      let key = scores.loadUnaligned(fromByteOffset: 4 * lane, as: UInt32.self)
      live |= (key & RadixSelect.magnitude >= cut ? 1 : 0) << UInt64(lane)
    }
    return live
  }

  /// Counts live places of a stretch whose score is `key`, block by block.
  func countTies(_ stretch: ScoreStretch, _ key: UInt32) {
    forEachTie(of: stretch, key) { place in
      tieCounts.base[place / ParameterLayout.blockSize] += 1
      return false
    }
  }

  /// Makes as many of them dead as ``ties`` leaves to each block, in the order of places.
  ///
  /// - Returns: how many died.
  func takeTies(_ stretch: ScoreStretch, _ key: UInt32) -> Int {
    var dead = 0
    forEachTie(of: stretch, key) { place in
      let block = place / ParameterLayout.blockSize
      guard tieCounts.base[block] > 0 else { return false }
      tieCounts.base[block] -= 1
      dead += 1
      return true
    }
    return dead
  }

  /// Visits live places of a stretch whose score is `key`; those for which `body` returns true die.
  private func forEachTie(
    of stretch: ScoreStretch, _ key: UInt32, _ body: (_ place: Int) -> Bool
  ) {
    forEachWord(of: stretch) { word, bits, index, count in
      let first = bits.trailingZeroBitCount
      for lane in 0..<count
      where stretch.base[index + lane].bitPattern & RadixSelect.magnitude == key {
        let bit: UInt64 = 1 << UInt64(first + lane)
        guard words.base[word] & bit != 0, body(stretch.range.lowerBound + index + lane) else {
          continue
        }
        words.base[word] &= ~bit
      }
    }
  }

  /// Visits the words that a stretch lies in.
  @inline(__always)
  private func forEachWord(
    of stretch: ScoreStretch,
    _ body: (_ word: Int, _ bits: UInt64, _ index: Int, _ count: Int) -> Void
  ) {
    var place = stretch.range.lowerBound
    while place < stretch.range.upperBound {
      let (word, bit) = place.quotientAndRemainder(dividingBy: 64)
      let count = min(64 - bit, stretch.range.upperBound - place)
      let ones: UInt64 = count == 64 ? ~0 : (1 << UInt64(count)) - 1
      let bits = ones << UInt64(bit)
      body(word, bits, place - stretch.range.lowerBound, count)
      place += count
    }
  }

  /// Makes every place live that lies in none of some ranges.
  ///
  /// - Parameters:
  ///   - ranges: ascending and disjoint.
  ///   - count: P.
  func revive(outside ranges: [Range<Int>], count: Int) {
    var next = 0
    for range in ranges + [count..<count] {
      var place = next
      while place < range.lowerBound {
        let (word, bit) = place.quotientAndRemainder(dividingBy: 64)
        let here = min(64 - bit, range.lowerBound - place)
        let ones: UInt64 = here == 64 ? ~0 : (1 << UInt64(here)) - 1
        words.base[word] |= ones << UInt64(bit)
        place += here
      }
      next = range.upperBound
    }
  }

  /// A mask with these bits.
  func mask(count: Int) -> ParameterMask {
    let copy = HostBuffer<UInt64>(count: words.count)
    copy.base.update(from: words.base, count: words.count)
    return ParameterMask(count: count, words: copy)
  }
}
