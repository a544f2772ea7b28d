/// Scores of a run of neighbouring places that this rank owns; those worth least are pruned first.
///
/// A score counts by its bits without the sign: for weights by magnitude, -0 as 0.
public struct ScoreStretch {
  /// The places in the canonical order.
  public let range: Range<Int>
  /// Their scores, `range.count` of them; those of dead places are 0 or -0.
  public let base: UnsafePointer<Float>

  /// A stretch that someone else keeps.
  public init(range: Range<Int>, base: UnsafePointer<Float>) {
    self.range = range
    self.base = base
  }

  /// What lies in a range of the canonical order; nil if nothing does.
  func part(_ other: Range<Int>) -> ScoreStretch? {
    let shared = range.clamped(to: other)
    guard !shared.isEmpty else { return nil }
    return ScoreStretch(
      range: shared, base: base + (shared.lowerBound - range.lowerBound))
  }

  /// The scores' bits.
  var bits: UnsafeRawPointer { UnsafeRawPointer(base) }
}

/// The score up to which is pruned.
public struct Threshold: Sendable, Equatable {
  /// The bits of the score: all below are pruned.
  public let key: UInt32
  /// How many scores equal to it are pruned too, those that come first in the canonical order.
  public let ties: Int
  /// How many live scores are equal to it.
  public let equals: Int

  /// The score itself.
  public var score: Float { Float(bitPattern: key) }

  /// A threshold from its parts.
  public init(key: UInt32, ties: Int, equals: Int) {
    self.key = key
    self.ties = ties
    self.equals = equals
  }
}
