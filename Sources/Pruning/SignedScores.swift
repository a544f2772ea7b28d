/// Scores that may be negative, in a form that ``RadixSelect`` orders: those of dead places are 0.
public enum SignedScores {
  /// A pattern whose bits without the sign order as the scores do, but for their last bit; never 0.
  ///
  /// - Parameter score: any finite number; beyond 2^127 all count alike.
  /// - Returns: the pattern; NaN, which a select refuses, for NaN and infinity.
  public static func ordered(_ score: Float) -> Float {
    guard score.isFinite else { return .nan }
    // What lies above would have the bits of an infinity.
    let bits = (min(score, largest) + 0).bitPattern
    // Negative ones descend with their bits, positive ones lie above them all.
    let raised = score < 0 ? ~bits : bits | 0x8000_0000
    return Float(bitPattern: raised >> 1)
  }

  /// The number before 2^127.
  private static let largest = Float(bitPattern: 0x7EFF_FFFF)
}
