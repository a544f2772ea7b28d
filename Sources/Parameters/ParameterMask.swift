import Buffers

/// Which parameters are live: one bit for each, in canonical order.
///
/// Dead parameters have no gradient, and what is zeroed of them stays so; they need not travel.
public final class ParameterMask {
  /// P.
  public let count: Int
  /// Live parameters.
  public let liveCount: Int

  private let words: HostBuffer<UInt64>
  /// Live parameters before each word, so that a rank is one look-up and one count of bits.
  private let before: HostBuffer<Int>

  /// A mask from a rule.
  ///
  /// - Parameters:
  ///   - count: P.
  ///   - isLive: asked for each place of the canonical order, ascending.
  public init(count: Int, isLive: (Int) -> Bool) {
    self.count = count
    let length = Self.wordCount(of: count)
    words = HostBuffer(count: length)
    before = HostBuffer(count: length + 1)
    for index in 0..<length {
      var word: UInt64 = 0
      for place in index * 64..<min(count, index * 64 + 64) where isLive(place) {
        word |= 1 << UInt64(place % 64)
      }
      words.base[index] = word
      before.base[index + 1] = before.base[index] + word.nonzeroBitCount
    }
    liveCount = before.base[length]
  }

  /// A mask from its bits.
  ///
  /// - Parameters:
  ///   - count: P.
  ///   - words: P / 64 words, rounded up; bit b of word w is 1 where the place 64 w + b is live. Bits beyond P
  ///     must be 0.
  public init(count: Int, words: consuming HostBuffer<UInt64>) {
    precondition(words.count == Self.wordCount(of: count), "a mask of another layout")
    self.count = count
    before = HostBuffer(count: words.count + 1)
    for index in 0..<words.count {
      before.base[index + 1] = before.base[index] + words.base[index].nonzeroBitCount
    }
    liveCount = before.base[words.count]
    self.words = words
    let end = count % 64
    precondition(
      end == 0 || self.words[self.words.count - 1] >> UInt64(end) == 0, "bits beyond the last place"
    )
  }

  /// Words that hold the bits of `count` places.
  public static func wordCount(of count: Int) -> Int { (count + 63) / 64 }

  /// The bits as ``init(count:words:)`` takes them; valid as long as the mask lives.
  public var bits: UnsafeBufferPointer<UInt64> { UnsafeBufferPointer(words.all) }

  /// A checksum over the bits, equal for equal masks.
  ///
  /// - Cost: one read of P / 8 bytes.
  public var checksum: UInt64 { checksum64(UnsafeRawBufferPointer(bits)) }

  /// Whether the parameter at `place` is live.
  public func isLive(_ place: Int) -> Bool { words[place / 64] >> UInt64(place % 64) & 1 == 1 }

  /// Live parameters before `place`, which may be P.
  public func rank(_ place: Int) -> Int {
    precondition(place >= 0 && place <= count, "place \(place) is outside 0...\(count)")
    let (word, bit) = place.quotientAndRemainder(dividingBy: 64)
    guard bit > 0 else { return before.base[word] }
    return before.base[word] + (words.base[word] & (1 << UInt64(bit) - 1)).nonzeroBitCount
  }

  /// Live parameters in a stretch of the canonical order.
  public func liveCount(in range: Range<Int>) -> Int {
    rank(range.upperBound) - rank(range.lowerBound)
  }

  /// Collects the live values of a stretch.
  ///
  /// - Parameters:
  ///   - range: the stretch.
  ///   - values: its scalars, `range.count` of them.
  ///   - packed: room for its live ones; must not overlap `values`.
  public func pack(
    _ range: Range<Int>, from values: UnsafePointer<Float>, into packed: UnsafeMutablePointer<Float>
  ) {
    var next = packed
    forEachRun(in: range) { start, length in
      next.update(from: values + start, count: length)
      next += length
    }
  }

  /// Puts live values back into a stretch; the others stay as they are.
  ///
  /// - Parameters:
  ///   - range: the stretch.
  ///   - packed: its live scalars.
  ///   - values: its scalars, `range.count` of them; must not overlap `packed`.
  public func unpack(
    _ range: Range<Int>, from packed: UnsafePointer<Float>, into values: UnsafeMutablePointer<Float>
  ) {
    var next = packed
    forEachRun(in: range) { start, length in
      (values + start).update(from: next, count: length)
      next += length
    }
  }

  /// Makes the dead scalars of a stretch +0.
  ///
  /// - Parameters:
  ///   - range: the stretch.
  ///   - values: its scalars, `range.count` of them.
  public func clearDead(_ range: Range<Int>, in values: UnsafeMutablePointer<Float>) {
    var end = 0
    forEachRun(in: range) { start, length in
      (values + end).update(repeating: 0, count: start - end)
      end = start + length
    }
    (values + end).update(repeating: 0, count: range.count - end)
  }

  /// Visits the runs of live places of a stretch, ascending, counted from its start; a run ends at a
  /// word's end at the latest.
  @inline(__always)
  private func forEachRun(in range: Range<Int>, _ body: (_ start: Int, _ length: Int) -> Void) {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "\(range) is outside the mask")
    var place = range.lowerBound
    while place < range.upperBound {
      let (word, bit) = place.quotientAndRemainder(dividingBy: 64)
      let here = min(64 - bit, range.upperBound - place)
      var bits = words.base[word] >> UInt64(bit)
      if here < 64 { bits &= 1 << UInt64(here) - 1 }
      var done = 0
      while bits != 0 {
        let skipped = bits.trailingZeroBitCount
        bits >>= UInt64(skipped)
        let length = (~bits).trailingZeroBitCount
        body(place - range.lowerBound + done + skipped, length)
        bits = length == 64 ? 0 : bits >> UInt64(length)
        done += skipped + length
      }
      place += here
    }
  }
}
