/// How well scores put the positive samples before the negative ones.
///
/// Both measures walk groups of equal scores, so they depend on the multiset of scores alone and
/// never on the order in which samples came.
struct Ranking {
  /// The scores of the positive samples, ascending.
  private let positives: [Double]
  /// The scores of the negative samples, ascending.
  private let negatives: [Double]

  /// Sorts the scores; they must be finite.
  init(positives: [Double], negatives: [Double]) {
    self.positives = positives.sorted()
    self.negatives = negatives.sorted()
  }

  /// The area under the receiver operating characteristic, or nil if a side has no samples.
  ///
  /// `(Σ R⁺ − n⁺(n⁺ + 1)/2) / (n⁺ n⁻)` with mid-ranks for ties: the share of pairs in which the
  /// positive sample scores higher, a tie counting half. Pairs are counted as integers.
  var areaUnderCurve: Double? {
    guard !positives.isEmpty, !negatives.isEmpty else { return nil }
    var below = 0
    var notAbove = 0
    var halves = 0
    for score in positives {
      while below < negatives.count, negatives[below] < score { below += 1 }
      notAbove = max(notAbove, below)
      while notAbove < negatives.count, negatives[notAbove] <= score { notAbove += 1 }
      halves += below + notAbove
    }
    return Double(halves) / (2 * Double(positives.count) * Double(negatives.count))
  }

  /// `Σ (Rₖ − Rₖ₋₁) Pₖ` over the distinct scores from above, or nil without positive samples.
  ///
  /// R is recall and P precision at a threshold, without interpolation, as in scikit-learn.
  var averagePrecision: Double? {
    guard !positives.isEmpty else { return nil }
    var sum = 0.0
    var positive = positives.count
    var negative = negatives.count
    while positive > 0 {
      let score = positives[positive - 1]
      let before = positive
      while positive > 0, positives[positive - 1] == score { positive -= 1 }
      while negative > 0, negatives[negative - 1] >= score { negative -= 1 }
      let found = Double(positives.count - positive)
      let chosen = found + Double(negatives.count - negative)
      sum += Double(before - positive) * (found / chosen)
    }
    return sum / Double(positives.count)
  }
}
