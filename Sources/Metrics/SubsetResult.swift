/// What was measured with some modalities only, all others being treated as missing.
public struct SubsetResult: Sendable, Equatable {
  /// The names of the modalities that took part.
  public let modalities: [String]
  /// What came out; heads that read other modalities have no values.
  public let result: EvaluationResult

  /// A result of a subset.
  public init(modalities: [String], result: EvaluationResult) {
    self.modalities = modalities
    self.result = result
  }

  /// The names with a plus between them.
  public var name: String { modalities.joined(separator: "+") }
}
