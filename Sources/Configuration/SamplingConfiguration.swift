/// Which training samples an epoch consists of, where it is not each of them once.
public struct SamplingConfiguration: Sendable, Equatable {
  /// How samples are chosen.
  public var rule: Rule
  /// The field that decides: labels for `balanced`, weights for `weighted`, users for `negatives`.
  public var field: String
  /// E: samples of an epoch; nil: as many as the training split has.
  public var samplesPerEpoch: Int?

  /// How samples are chosen.
  public enum Rule: Sendable, Equatable {
    /// Classes in proportion to n^(1 − power), n being a class's samples: 1 gives each class the same
    /// share, 0 leaves the shares as they are.
    case balanced(power: Double)
    /// Each draw independent, with replacement, in proportion to the samples' weights.
    case weighted
    /// Each sample once, followed by a negative: a sample whose item the user does not have, with the user and
    /// the fields `keep` of the sample before it.
    case negatives(item: String, keep: [String])
  }

  /// A way of choosing samples from its parts.
  ///
  /// - Parameters:
  ///   - rule: how samples are chosen.
  ///   - field: the field that decides.
  ///   - samplesPerEpoch: E, at least 1; nil: S.
  public init(rule: Rule, field: String, samplesPerEpoch: Int? = nil) {
    self.rule = rule
    self.field = field
    self.samplesPerEpoch = samplesPerEpoch
  }

  /// The fields that have to be read before the first epoch.
  public var fields: [String] {
    guard case .negatives(let item, _) = rule else { return [field] }
    return [field, item]
  }

  /// Whether every sample is followed by a negative.
  public var drawsNegatives: Bool {
    guard case .negatives = rule else { return false }
    return true
  }
}
