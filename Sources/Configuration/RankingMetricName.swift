/// A metric of ranked lists with its cut: `recall@10`.
public struct RankingMetricName: Sendable, Hashable, CustomStringConvertible {
  /// What is measured.
  public let measure: Measure
  /// k: the length of the list.
  public let cut: Int

  /// What is measured of a list of the k best items a user has not seen, over the users with at least
  /// one right answer among the held-out interactions.
  public enum Measure: String, Sendable, CaseIterable {
    /// Share of users with a right answer in the list.
    case hit
    /// Mean share of a user's right answers that are in the list.
    case recall
    /// Mean share of the list's k places that are right answers.
    case precision
    /// Mean of Σ 1 / log₂(1 + place) over the right answers, by its value for a perfect list.
    case ndcg
    /// Mean of one over the place of the first right answer, 0 where it is not in the list.
    case mrr
  }

  /// The longest list.
  public static let largestCut = 1000

  /// A metric from its parts.
  public init(_ measure: Measure, at cut: Int) {
    precondition(cut >= 1 && cut <= Self.largestCut, "a list of \(cut) items")
    self.measure = measure
    self.cut = cut
  }

  /// Reads `MEASURE@K`; nil for anything else.
  public init?(_ text: String) {
    let parts = text.split(separator: "@", omittingEmptySubsequences: false)
    guard parts.count == 2, let measure = Measure(rawValue: String(parts[0])),
      let cut = Int(parts[1]), (1...Self.largestCut).contains(cut), "\(cut)" == parts[1]
    else { return nil }
    self.init(measure, at: cut)
  }

  /// `MEASURE@K`.
  public var description: String { "\(measure.rawValue)@\(cut)" }

  /// What is measured where nothing is asked: a hit, recall and NDCG at 10.
  public static let usual: [RankingMetricName] = [
    .init(.hit, at: 10), .init(.recall, at: 10), .init(.ndcg, at: 10), .init(.mrr, at: 10),
  ]
}
