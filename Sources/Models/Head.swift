import Configuration

/// One prediction of a compiled model.
public struct Head: Sendable, Equatable {
  /// The key under `heads`.
  public let name: String
  /// The field that holds the truth.
  public let target: String
  /// The index of `target` among the model's fields; nil where the data has no such field, which
  /// only a model made with `requireTargets: false` accepts.
  public let targetIndex: Int?
  /// What training minimises.
  public let loss: LossConfiguration
  /// The factor of this head's loss in the sum.
  public let weight: Double
  /// Y: numbers per sample.
  public let outputs: Int
  /// Classes told apart: Y for cross-entropy, 2 for binary cross-entropy with one output, or nil.
  public let classes: Int?
}

/// An integer that no table or loss has a row for.
public struct OutOfRangeLabel: Sendable, Equatable, CustomStringConvertible {
  /// Who reads it: `heads.NAME` or the path of an embedding.
  public let consumer: String
  /// The field it was found in.
  public let field: String
  /// The sample's number in its split.
  public let sampleNumber: Int64
  /// The integer found.
  public let label: Int64
  /// The first integer that is too large; the smallest allowed is 0.
  public let limit: Int

  /// One sentence that names consumer, field, sample and integer.
  public var description: String {
    "\(consumer): sample \(sampleNumber) of field '\(field)' holds \(label), "
      + "expected 0 ..< \(limit)"
  }
}
