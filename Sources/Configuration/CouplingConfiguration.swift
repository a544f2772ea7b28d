/// Two modalities drawn together by contrast over the global batch.
public struct CouplingConfiguration: Sendable, Equatable {
  /// One of the two modalities, with the layers that take it to the shared space.
  public struct Side: Sendable, Equatable {
    /// The modality's name.
    public var modality: String
    /// Layers on its encoder's output; may be empty.
    public var projection: [LayerConfiguration]

    /// A side from its parts.
    public init(modality: String, projection: [LayerConfiguration] = []) {
      self.modality = modality
      self.projection = projection
    }
  }

  /// How the factor s of the cosines comes about.
  public enum Temperature: Sendable, Equatable {
    /// s = 1 / temperature throughout.
    case fixed(Double)
    /// s = exp(t) with a learned t, at first −ln `initial`, and at most `maximumScale`.
    case learned(initial: Double, maximumScale: Double)

    /// The temperature of the first step.
    public var initial: Double {
      switch self {
      case .fixed(let value), .learned(let value, _): value
      }
    }
  }

  /// The modality whose samples ask.
  public var first: Side
  /// The modality whose samples answer.
  public var second: Side
  /// How cosines become scores.
  public var temperature: Temperature
  /// The factor of the loss in the sum; default 1.
  public var weight: Double
  /// A field of ids: samples of one id are no negatives of each other.
  public var maskSame: String?
  /// A field of ids: log of the id's share of the training samples is taken from a candidate's score.
  public var popularity: String?

  /// A coupling from its parts.
  public init(
    first: Side, second: Side, temperature: Temperature, weight: Double = 1,
    maskSame: String? = nil, popularity: String? = nil
  ) {
    self.first = first
    self.second = second
    self.temperature = temperature
    self.weight = weight
    self.maskSame = maskSame
    self.popularity = popularity
  }

  /// What it is called among the results; no head may be called so beside it.
  public static let resultName = "coupling"

  /// The metrics of a coupling: the share of first sides whose partner is among the best 1 or 5 of all
  /// second sides of the split, and the other way round.
  public static let metrics = [
    "retrieval@1", "retrieval@5", "reverseRetrieval@1", "reverseRetrieval@5",
  ]

  /// The fields it reads beside those of its modalities, by key.
  public var fields: [(key: String, field: String)] {
    [("maskSame", maskSame), ("popularity", popularity)].compactMap { key, field in
      field.map { (key, $0) }
    }
  }
}
