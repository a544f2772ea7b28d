/// The network: one encoder per modality, a fusion of their outputs, and one or more heads.
public struct ModelConfiguration: Sendable, Equatable {
  /// The encoders, in the order of the file; their outputs are fused in this order.
  public var modalities: [ModalityConfiguration]
  /// How the encoders' outputs become one vector.
  public var fusion: FusionConfiguration
  /// What happens where samples lack modalities, and how often training leaves some out.
  public var missing: MissingConfiguration
  /// What is predicted, in the order of the file; may be empty beside a coupling.
  public var heads: [HeadConfiguration]
  /// Two modalities drawn together by contrast, if any.
  public var coupling: CouplingConfiguration?
  /// How training mixes samples in pairs, if it does.
  public var mixup: MixupConfiguration?

  /// A network from its parts.
  public init(
    modalities: [ModalityConfiguration], fusion: FusionConfiguration = .concat,
    missing: MissingConfiguration = MissingConfiguration(), heads: [HeadConfiguration],
    coupling: CouplingConfiguration? = nil, mixup: MixupConfiguration? = nil
  ) {
    self.mixup = mixup
    self.modalities = modalities
    self.fusion = fusion
    self.missing = missing
    self.heads = heads
    self.coupling = coupling
  }
}

/// Samples mixed in pairs when training: `mixup: {alpha: 0.2}`.
public struct MixupConfiguration: Sendable, Equatable {
  /// α: the share of a sample in its mixture has the distribution Beta(α, α).
  public var alpha: Double

  /// Mixing by its α.
  public init(alpha: Double) { self.alpha = alpha }
}

/// One input field and the layers that encode it.
public struct ModalityConfiguration: Sendable, Equatable {
  /// The key under `modalities`; parameters are named `modalities.NAME.…`.
  public var name: String
  /// The field of the dataset that feeds the encoder.
  public var field: String
  /// The layers, first to last; may be empty.
  public var encoder: [LayerConfiguration]

  /// An encoder from its parts.
  public init(name: String, field: String, encoder: [LayerConfiguration]) {
    self.name = name
    self.field = field
    self.encoder = encoder
  }
}

/// One prediction and its loss.
public struct HeadConfiguration: Sendable, Equatable {
  /// The key under `heads`; parameters are named `heads.NAME.…`.
  public var name: String
  /// The modality whose encoder's output it reads, and whose samples it predicts; nil for the fusion.
  public var source: String?
  /// The layers from what it reads to the logits or values.
  public var layers: [LayerConfiguration]
  /// What the head minimises.
  public var loss: LossConfiguration
  /// The field of the dataset that holds the truth; empty for ``LossConfiguration/bpr``, which has none.
  public var target: String
  /// The factor of this head's loss in the sum; default 1.
  public var weight: Double
  /// The field that holds a weight for each prediction's loss; nil: all weigh 1.
  public var weights: String?

  /// A head from its parts.
  public init(
    name: String, source: String? = nil, layers: [LayerConfiguration], loss: LossConfiguration,
    target: String, weight: Double = 1, weights: String? = nil
  ) {
    self.name = name
    self.source = source
    self.layers = layers
    self.loss = loss
    self.target = target
    self.weight = weight
    self.weights = weights
  }
}

/// A loss, averaged over the samples of the global batch.
public enum LossConfiguration: Sendable, Equatable {
  /// Softmax cross-entropy over Y classes.
  ///
  /// `classWeights` holds Y factors, or none; the mean is then weighted by them as in PyTorch.
  case crossEntropy(labelSmoothing: Double, classWeights: [Double]?)
  /// Sigmoid cross-entropy from logits, mean over the outputs of a sample.
  case binaryCrossEntropy
  /// Squared error, mean over the outputs of a sample.
  case meanSquaredError
  /// Huber's loss, mean over the outputs of a sample: quadratic up to `delta`, then linear.
  case huber(delta: Double)
  /// Connectionist temporal classification of a sequence against a sequence of ids, summed over its
  /// steps. Of one output more than there are ids number `blank` stands for none of them.
  case ctc(blank: Int)
  /// Bayesian personalised ranking: −ln σ(x − y) of every training sample's output x and the output y of the
  /// negative that is drawn for it.
  case bpr

  /// The word for it in a configuration.
  public var keyword: String {
    switch self {
    case .crossEntropy: "crossEntropy"
    case .binaryCrossEntropy: "binaryCrossEntropy"
    case .meanSquaredError: "meanSquaredError"
    case .huber: "huber"
    case .ctc: "ctc"
    case .bpr: "bpr"
    }
  }

  /// Whether sequences of outputs are compared with sequences of other lengths, one loss a sample.
  public var isTranscription: Bool {
    guard case .ctc = self else { return false }
    return true
  }

  /// Whether outputs are compared with those of drawn negatives instead of a target.
  public var comparesNegatives: Bool { self == .bpr }

  /// Whether classes weigh unequally, so that the mean's divisor depends on the labels.
  public var weighsClasses: Bool {
    guard case .crossEntropy(_, let weights) = self else { return false }
    return weights != nil
  }
}

/// One layer as written in the configuration, with defaults filled in.
public indirect enum LayerConfiguration: Sendable, Equatable {
  /// `linear{out,bias}`.
  case linear(out: Int, bias: Bool)
  /// `dot{biases,offset}`: the product of the two halves of `[2 D]`; with biases the last coordinate of each is
  /// added instead, and a bias of all samples that starts at `offset`.
  case dot(biases: Bool, offset: Double)
  /// `conv{out,kernel,stride,padding,groups,dilation,bias}`; input `[H, W, C]`.
  case conv(ConvolutionConfiguration)
  /// `conv1d{…}`: the same over `[T, C]` (a plain `[T]` counts as `[T, 1]`); first of each pair is 1.
  case conv1d(ConvolutionConfiguration)
  /// `batchNorm{momentum,epsilon,sync}` over the last axis; `momentum` is the share of the new value,
  /// `sync` the number of consecutive microbatches that share their statistics, a power of two.
  case batchNorm(momentum: Double, epsilon: Double, sync: Int = 1)
  /// `layerNorm{epsilon}` over the last axis.
  case layerNorm(epsilon: Double)
  /// An element-wise function.
  case activation(Activation)
  /// `dropout{rate}`: zeroes with probability `rate`, scales the rest by `1 / (1 - rate)`.
  case dropout(rate: Double)
  /// `maxPool{size,stride,padding}`.
  case maxPool(PoolConfiguration)
  /// `averagePool{size,stride,padding}`; padding is not counted in the mean.
  case averagePool(PoolConfiguration)
  /// The mean over all positions: `[…, C]` becomes `[C]`.
  case globalAveragePool
  /// Any shape becomes a vector, in C order.
  case flatten
  /// `residual{layers,shortcut}`: `layers(x) + shortcut(x)`; an empty shortcut is the identity.
  case residual(layers: [LayerConfiguration], shortcut: [LayerConfiguration])
  /// `concat{branches}`: every branch sees the input; outputs are joined on the last axis.
  case concat(branches: [[LayerConfiguration]])
  /// `embedding{vocabulary,size,deviation}`: integer ids `[…]` become `[…, size]`; without a vocabulary it is
  /// that of the field, `deviation` is the initial values' standard deviation.
  case embedding(vocabulary: Int? = nil, size: Int, deviation: Double = 1)
  /// `gru{hidden,layers,bidirectional,variant,dropout}` and `lstm{hidden,layers,bidirectional,dropout}`
  /// over a sequence `[T, C]`.
  case recurrent(RecurrentConfiguration)
  /// `pool{kind}`: a sequence `[T, C]` becomes `[C]`.
  case pool(StepPool)
  /// `positional{kind,length}`: adds a vector that tells the step.
  case positional(PositionalConfiguration)
  /// `attention{…}`: self-attention over `[T, C]`.
  case attention(AttentionConfiguration)
  /// `transformer{…}`: blocks of attention and a hidden layer over `[T, C]`.
  case transformer(TransformerConfiguration)
  /// `toSequence{by}`: an image as a sequence.
  case toSequence(StepOrder)
  /// `featureTokens{size}`: the numbers `[F]` of a table become F steps `[size]`.
  case featureTokens(size: Int)
  /// A learned step before all others: `[T, C]` becomes `[1 + T, C]`.
  case classToken
  /// `tokenDropout{rate}`: zeroes whole steps with probability `rate`, scales the others.
  case tokenDropout(rate: Double)
  /// What is done to the data before the first layer with parameters.
  case frontEnd(FrontEndConfiguration)

  /// The element-wise functions.
  public enum Activation: Sendable, Equatable {
    /// `max(0, x)`.
    case relu
    /// `x` above zero, `slope · x` below.
    case leakyRelu(slope: Double)
    /// `x · Φ(x)` with the error function, not its tanh approximation.
    case gelu
    /// Hyperbolic tangent.
    case tanh
    /// `1 / (1 + exp(-x))`.
    case sigmoid
  }
}

/// The geometry of a convolution; pairs are (height, width).
public struct ConvolutionConfiguration: Sendable, Equatable {
  /// Output channels O.
  public var out: Int
  /// Kernel height and width.
  public var kernel: [Int]
  /// Steps between outputs; default 1.
  public var stride: [Int]
  /// Zeros around the input, equal on both sides; default 0.
  public var padding: [Int]
  /// Distance of kernel elements; default 1.
  public var dilation: [Int]
  /// Channel groups, of which both channel counts must be multiples; default 1.
  public var groups: Int
  /// Whether a bias is added; default true.
  public var bias: Bool

  /// A convolution from its parts.
  public init(
    out: Int, kernel: [Int], stride: [Int] = [1, 1], padding: [Int] = [0, 0],
    dilation: [Int] = [1, 1], groups: Int = 1, bias: Bool = true
  ) {
    self.out = out
    self.kernel = kernel
    self.stride = stride
    self.padding = padding
    self.dilation = dilation
    self.groups = groups
    self.bias = bias
  }
}

/// The geometry of a pooling window; pairs are (height, width), over `[T, C]` the first is 1.
public struct PoolConfiguration: Sendable, Equatable {
  /// Window height and width.
  public var size: [Int]
  /// Steps between windows; default the size.
  public var stride: [Int]
  /// Cells around the input that no window's result counts; default 0.
  public var padding: [Int]

  /// A window from its parts.
  public init(size: [Int], stride: [Int]? = nil, padding: [Int] = [0, 0]) {
    self.size = size
    self.stride = stride ?? size
    self.padding = padding
  }
}
