/// Two modalities whose vectors are drawn together over the global batch.
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
  /// What is made small.
  public var objective: Objective
  /// The factor of the loss in the sum; default 1.
  public var weight: Double

  /// What is made small.
  public enum Objective: Sendable, Equatable {
    /// Every vector has to find its partner (Radford and others 2021).
    case infoNCE(Contrast)
    /// The distance of the covariances of the two sides (Sun and Saenko 2016).
    case coral

    /// The word for it in a configuration.
    public var keyword: String {
      switch self {
      case .infoNCE: "infoNCE"
      case .coral: "coral"
      }
    }
  }

  /// How vectors are contrasted.
  public struct Contrast: Sendable, Equatable {
    /// How cosines become scores.
    public var temperature: Temperature
    /// A field of ids: samples of one id are no negatives of each other.
    public var maskSame: String?
    /// A field of ids: log of the id's share of the training samples is taken from a candidate's score.
    public var popularity: String?

    /// A contrast from its parts.
    public init(temperature: Temperature, maskSame: String? = nil, popularity: String? = nil) {
      self.temperature = temperature
      self.maskSame = maskSame
      self.popularity = popularity
    }
  }

  /// A coupling from its parts.
  public init(first: Side, second: Side, objective: Objective, weight: Double = 1) {
    self.first = first
    self.second = second
    self.objective = objective
    self.weight = weight
  }

  /// What it is called among the results; no head may be called so beside it.
  public static let resultName = "coupling"

  /// The metrics of a contrast: the share of first sides whose partner is among the best 1 or 5 of all
  /// second sides of the split, and the other way round.
  public static let contrastMetrics = [
    "retrieval@1", "retrieval@5", "reverseRetrieval@1", "reverseRetrieval@5",
  ]

  /// What is measured beside the loss.
  public var metrics: [String] {
    guard case .infoNCE = objective else { return [] }
    return Self.contrastMetrics
  }

  /// The fields it reads beside those of its modalities, by key.
  public var fields: [(key: String, field: String)] {
    guard case .infoNCE(let contrast) = objective else { return [] }
    return [("maskSame", contrast.maskSame), ("popularity", contrast.popularity)]
      .compactMap { key, field in field.map { (key, $0) } }
  }
}
