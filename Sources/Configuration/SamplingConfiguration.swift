/// Which training samples an epoch consists of, where it is not each of them once.
public struct SamplingConfiguration: Sendable, Equatable {
  /// How samples are chosen.
  public var rule: Rule
  /// The field that decides: labels for `balanced`, weights for `weighted`.
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
}
