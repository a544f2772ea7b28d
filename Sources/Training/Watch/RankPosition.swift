import Exchange

/// Where a rank is in its step, in one word, so that a reader never sees half a change.
///
/// - Note: the word holds the low 20 bits of the step, 4 of the phase, 12 of the layer, 14 of the
///   bucket and 14 of the microbatch, each number plus one so that zero means none. Larger numbers
///   stick at the largest; steps are completed by ``init(word:step:)``.
package struct RankPosition: Equatable, Sendable {
  /// The step being computed, from 1; 0 before the first.
  package var step = 0
  package var phase = Phase.other
  /// The place among the model's layers.
  package var layer: Int?
  package var bucket: Int?
  /// The place in the step, or in the split while evaluating.
  package var microbatch: Int?

  /// The word.
  package var word: UInt64 {
    UInt64(truncatingIfNeeded: step) & 0xF_FFFF | UInt64(phase.rawValue) << 20
      | Self.field(layer, bits: 12) << 24 | Self.field(bucket, bits: 14) << 36
      | Self.field(microbatch, bits: 14) << 50
  }

  /// A position before the run.
  package init() {}

  /// A position from its word.
  ///
  /// - Parameters:
  ///   - word: as ``word`` made it.
  ///   - step: a whole step number at most 2¹⁹ away from the word's.
  package init(word: UInt64, step: Int) {
    // The nearest number with these low bits.
    let difference = (Int(word & 0xF_FFFF) - step) & 0xF_FFFF
    self.step = step + (difference >= 1 << 19 ? difference - (1 << 20) : difference)
    phase = Phase(rawValue: UInt8(word >> 20 & 0xF)) ?? .other
    layer = Self.number(word >> 24, bits: 12)
    bucket = Self.number(word >> 36, bits: 14)
    microbatch = Self.number(word >> 50, bits: 14)
  }

  private static func field(_ number: Int?, bits: UInt64) -> UInt64 {
    guard let number else { return 0 }
    return min(UInt64(number) + 1, (1 << bits) - 1)
  }

  private static func number(_ field: UInt64, bits: UInt64) -> Int? {
    let value = field & ((1 << bits) - 1)
    return value == 0 ? nil : Int(value) - 1
  }
}

extension WaitPeer {
  /// The peer in one word; zero is nobody.
  var word: UInt64 {
    switch self {
    case .everyone: 1
    case .rank(let rank): 2 << 32 | UInt64(rank)
    case .node(let node): 3 << 32 | UInt64(node)
    }
  }

  /// A peer from its word, nil for nobody.
  init?(word: UInt64) {
    let number = Int(word & 0xFFFF_FFFF)
    switch word >> 32 {
    case 0 where number == 1: self = .everyone
    case 2: self = .rank(number)
    case 3: self = .node(number)
    default: return nil
    }
  }
}
