/// How the steps of a sequence become one vector; an empty sequence becomes zeros.
public enum StepPool: String, Sendable, Equatable, CaseIterable {
  /// The mean over the steps.
  case mean
  /// The largest value of each channel.
  case max
  /// The first step.
  case first
  /// The last step.
  case last
  /// The mean weighted by softmax(x · w) with a learned vector w.
  case attention
}

/// What is added to each step to tell its place.
public enum PositionalConfiguration: Sendable, Equatable {
  /// Sines and cosines of Vaswani et al. 2017.
  case sinusoidal
  /// A learned vector for each of the first `length` steps; no sequence may be longer.
  case learned(length: Int)
}

/// `attention{heads,headSize,causal,dropout,bias}`: multi-head self-attention over the steps of a sequence.
public struct AttentionConfiguration: Sendable, Equatable {
  /// Heads, which divide the channels unless their size is given.
  public var heads: Int
  /// Columns of each head's queries, keys and values; nil for channels / heads.
  public var headSize: Int?
  /// Whether a step sees itself and those before it only; default false.
  public var causal: Bool
  /// The rate at which attention probabilities are dropped; default 0.
  public var dropout: Double
  /// Whether the projections add a bias; default true.
  public var bias: Bool

  /// Attention from its parts.
  public init(
    heads: Int, headSize: Int? = nil, causal: Bool = false, dropout: Double = 0, bias: Bool = true
  ) {
    self.heads = heads
    self.headSize = headSize
    self.causal = causal
    self.dropout = dropout
    self.bias = bias
  }
}

/// `transformer{layers,heads,headSize,hidden,causal,dropout,activation}`: pre-norm encoder blocks.
public struct TransformerConfiguration: Sendable, Equatable {
  /// Blocks.
  public var layers: Int
  /// Heads of attention, which divide the channels unless their size is given.
  public var heads: Int
  /// Columns of each head's queries, keys and values; nil for channels / heads.
  public var headSize: Int?
  /// Width of the hidden layer; nil for four times the channels.
  public var hidden: Int?
  /// Whether a step sees itself and those before it only; default false.
  public var causal: Bool
  /// The rate of dropout on probabilities and on both branches; default 0.
  public var dropout: Double
  /// The function of the hidden layer; default gelu.
  public var activation: Activation

  /// The functions of a hidden layer.
  public enum Activation: String, Sendable, Equatable, CaseIterable {
    /// `max(0, x)`.
    case relu
    /// `x · Φ(x)`.
    case gelu
  }

  /// Blocks from their parts.
  public init(
    layers: Int, heads: Int, headSize: Int? = nil, hidden: Int? = nil, causal: Bool = false,
    dropout: Double = 0, activation: Activation = .gelu
  ) {
    self.layers = layers
    self.heads = heads
    self.headSize = headSize
    self.hidden = hidden
    self.causal = causal
    self.dropout = dropout
    self.activation = activation
  }
}

/// How an image becomes a sequence.
public enum StepOrder: String, Sendable, Equatable, CaseIterable {
  /// `[H, W, C]` becomes H · W steps of C channels, row by row.
  case pixel
  /// `[H, W, C]` becomes H steps of W · C channels.
  case row
}
