/// How several encoder outputs become one vector, or the only one passes on.
public enum FusionConfiguration: Sendable, Equatable {
  /// Flattened outputs side by side; with a single modality its output as it is.
  case concat
  /// The sum of outputs of one width.
  case sum
  /// The mean of outputs of one width.
  case mean
  /// Gates that weigh each modality in each of `out` dimensions (Arevalo and others 2017).
  case gated(out: Int)
  /// A sum of `rank` products of one factor per modality (Liu and others 2018).
  case lowRank(rank: Int, out: Int)
  /// The outer product of all outputs, each with a 1 appended (Zadeh and others 2017).
  case tensor
  /// A product of experts: each modality ends in the classes' logits; `prior` has the classes'
  /// probabilities, nil for equal ones.
  case lateProduct(prior: [Double]?)
  /// Sequences of one width one after the other, as one sequence.
  case sequence
  /// Every sequence attends to every other (Tsai and others 2019), then means over the steps side by side.
  case crossAttention(heads: Int)
  /// Sequences that see each other through a few shared tokens only (Nagrani and others 2021).
  case bottleneck(BottleneckConfiguration)

  /// The word for it in a configuration.
  public var keyword: String {
    switch self {
    case .concat: "concat"
    case .sum: "sum"
    case .mean: "mean"
    case .gated: "gated"
    case .lowRank: "lowRank"
    case .tensor: "tensor"
    case .lateProduct: "lateProduct"
    case .sequence: "sequence"
    case .crossAttention: "crossAttention"
    case .bottleneck: "bottleneck"
    }
  }
}

/// The size of a bottleneck fusion.
public struct BottleneckConfiguration: Sendable, Equatable {
  /// Tokens that the modalities share.
  public var tokens: Int
  /// Transformer blocks of each modality.
  public var layers: Int
  /// Heads of each block's attention.
  public var heads: Int
  /// Width of each block's hidden layer; nil for 4 times the channels.
  public var hidden: Int?

  /// A size from its parts.
  public init(tokens: Int, layers: Int, heads: Int, hidden: Int? = nil) {
    self.tokens = tokens
    self.layers = layers
    self.heads = heads
    self.hidden = hidden
  }
}

/// How a model copes with samples that lack a modality, and how it learns to.
public struct MissingConfiguration: Sendable, Equatable {
  /// The modalities that training leaves out of samples, in the order of the file.
  public var drop: [Drop]
  /// What stands in the fusion for a modality that a sample lacks.
  public var substitute: Substitute

  /// A modality and how often it is left out.
  public struct Drop: Sendable, Equatable {
    /// The modality's name.
    public var modality: String
    /// The probability for each sample and step, in `0 ..< 1`.
    public var rate: Double

    /// A rate of a modality.
    public init(modality: String, rate: Double) {
      self.modality = modality
      self.rate = rate
    }
  }

  /// What stands for a missing modality.
  public enum Substitute: String, Sendable, Equatable, CaseIterable {
    /// Zeros.
    case zero
    /// A vector that is learned, one per modality.
    case learned
  }

  /// Rates and a substitute.
  public init(drop: [Drop] = [], substitute: Substitute = .zero) {
    self.drop = drop
    self.substitute = substitute
  }
}
