/// What the metrics must know of one head of a model.
public struct MetricHead: Sendable, Equatable {
  /// What a head's outputs mean.
  public enum Kind: Sendable, Equatable {
    /// One logit per class, `[N, Y]`; the truth is a class number.
    case classification(classes: Int)
    /// One logit, `[N, 1]`; the truth is 0 or 1.
    case binary
    /// One logit per label, `[N, Y]`; the truth is 0 or 1 for each of them.
    case multiLabel(outputs: Int)
    /// Numbers, `[N, Y]`; the truth has the same shape.
    case regression(outputs: Int)
    /// One logit per id and one for none, a row for each step; the truth is a sequence of ids.
    case transcription(outputs: Int)
  }

  /// The name of the head in the configuration.
  public let name: String
  /// What its outputs mean.
  public let kind: Kind
  /// The loss that it minimises, for messages.
  public let lossName: String
  /// The factor of this head's mean loss in the loss of the model.
  public let weight: Double
  /// Whether the ids of a transcription have texts.
  public let spells: Bool

  /// A head from its parts.
  ///
  /// - Parameters:
  ///   - name: the name in the configuration.
  ///   - kind: what the outputs mean; at least two classes, at least one output.
  ///   - lossName: the name of the loss, for messages.
  ///   - weight: the factor of its mean loss in the loss of the model.
  ///   - spells: whether the ids of a transcription have texts.
  public init(
    name: String, kind: Kind, lossName: String, weight: Double = 1, spells: Bool = false
  ) {
    self.spells = spells
    self.name = name
    self.kind = kind
    self.lossName = lossName
    self.weight = weight
    precondition(outputs >= 1, "head \(name) needs at least one output")
  }

  /// Y: the numbers per sample that the head puts out.
  public var outputs: Int {
    switch kind {
    case .classification(let classes): classes
    case .binary: 1
    case .multiLabel(let outputs), .regression(let outputs), .transcription(let outputs): outputs
    }
  }

  /// The categories that predictions are counted in; none for regression.
  var categories: Int {
    switch kind {
    case .binary: 2
    case .regression, .transcription: 0
    case .classification, .multiLabel: outputs
    }
  }

  /// The scores kept per sample where a metric ranks samples.
  ///
  /// Two classes need one score, as the other is its mirror image.
  var scoreColumns: Int {
    if case .classification(let classes) = kind, classes > 2 { return classes }
    if case .multiLabel(let outputs) = kind { return outputs }
    return 1
  }
}
