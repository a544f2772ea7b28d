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
  /// The index of the field with a weight for each prediction's loss; nil where all weigh 1.
  public let weightsIndex: Int?
  /// What training minimises.
  public let loss: LossConfiguration
  /// The factor of this head's loss in the sum.
  public let weight: Double
  /// Y: numbers per sample, or per step where the head predicts sequences.
  public let outputs: Int
  /// Classes told apart: Y for cross-entropy, 2 for binary cross-entropy with one output, or nil.
  public let classes: Int?
  /// Whether there is a prediction for each step of a sequence.
  public let isSequence: Bool
  /// Predictions of a sample where all samples have as many, else nil.
  public let rowsPerSample: Int?
  /// Whether samples without the modality that the head reads have no prediction.
  public let mayLack: Bool

  /// Whether the loss's divisor depends on more than the number of predictions.
  public var isWeighted: Bool { weightsIndex != nil || loss.weighsClasses }
}

/// An integer that no table or loss has a row for, a weight below 0, or a target of another length than
/// its sequence.
public struct OutOfRangeLabel: Sendable, Equatable, CustomStringConvertible {
  /// Who reads it: `heads.NAME` or the path of an embedding.
  public let consumer: String
  /// The field it was found in.
  public let field: String
  /// The sample's number in its split.
  public let sampleNumber: Int64
  /// The integer found, or the number of steps; 0 for a weight.
  public let label: Int64
  /// The first integer that is too large, the smallest allowed being 0; or the number of steps
  /// expected.
  public let limit: Int
  /// True where lengths differ.
  public let isLength: Bool
  /// The weight, where it is one that is wrong.
  public let weight: Float?

  init(
    consumer: String, field: String, sampleNumber: Int64, label: Int64, limit: Int,
    isLength: Bool = false, weight: Float? = nil
  ) {
    self.weight = weight
    self.consumer = consumer
    self.field = field
    self.sampleNumber = sampleNumber
    self.label = label
    self.limit = limit
    self.isLength = isLength
  }

  /// One sentence that names consumer, field, sample and integer.
  public var description: String {
    if let weight {
      return "\(consumer).weights: sample \(sampleNumber) of field '\(field)' weighs \(weight), "
        + "expected a finite number of at least 0"
    }
    if isLength {
      return "\(consumer): sample \(sampleNumber) of field '\(field)' has \(label) steps, expected "
        + "\(limit), those of its sequence"
    }
    return "\(consumer): sample \(sampleNumber) of field '\(field)' holds \(label), "
      + "expected 0 ..< \(limit)"
  }
}
