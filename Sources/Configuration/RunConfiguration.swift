/// Everything that decides a run's numbers, as read from one YAML file with defaults filled in.
public struct RunConfiguration: Sendable, Equatable {
  /// Names the run folder and the report.
  public var name: String
  /// Seeds initialisation, shuffling and dropout; default 0.
  public var seed: UInt64
  /// Where samples come from.
  public var data: DataConfiguration
  /// How samples become optimizer steps.
  public var batch: BatchConfiguration
  /// The network.
  public var model: ModelConfiguration
  /// Where initial values come from, instead of the initialisers.
  public var initialize: InitializeConfiguration?
  /// How gradients become updates.
  public var optimizer: OptimizerConfiguration
  /// How the learning rate moves.
  public var schedule: ScheduleConfiguration
  /// Which weights become zero while training; nil: none.
  public var pruning: PruningConfiguration?
  /// What weights are held to after every step; empty: nothing.
  public var constraints: [ConstraintConfiguration]
  /// From which trained runs the run learns too; nil: from none.
  public var distillation: DistillationConfiguration?
  /// How long, and the rules of a step.
  public var train: TrainConfiguration
  /// When checkpoints are written and how many stay.
  public var checkpoint: CheckpointConfiguration
  /// When and what is measured on the validation split.
  public var evaluate: EvaluateConfiguration
  /// How gradients travel.
  public var exchange: ExchangeConfiguration
  /// How the ranks watch over each other.
  public var distributed: DistributedConfiguration
}

/// Where samples come from.
public struct DataConfiguration: Sendable, Equatable {
  /// Files, in sample order; entries may be globs.
  ///
  /// Relative to the configuration's folder, then to `AIMASS_DATA`.
  public var files: [String]
  /// The group of the split in a sample file, by role; default `train`, `validation`, `test`.
  public var splits: [String: String]
  /// Fields of a user's own file by name; empty for a sample file of ours.
  public var fields: [FieldConfiguration]
  /// The order of samples within an epoch; nil is resolved at start.
  public var shuffle: Shuffle?
  /// Which samples an epoch consists of; nil: each of them once.
  public var sampling: SamplingConfiguration?
  /// Where validation and test samples of a file without splits come from.
  public var split: SplitConfiguration?
  /// Microbatches prepared ahead by the input thread; default 4.
  public var prefetch: Int

  /// The order of samples within an epoch.
  public enum Shuffle: String, Sendable, Equatable, CaseIterable {
    /// A keyed permutation of the whole split.
    case full
    /// Whole runs of samples in keyed order, permuted within a window of runs.
    case window
    /// File order.
    case none
  }

  /// A configuration from its parts, for callers that have no YAML.
  ///
  /// - Parameters:
  ///   - files: paths or globs, in sample order.
  ///   - splits: the group of a role, where it is not the role's name.
  ///   - fields: the fields of a user's own file.
  ///   - shuffle: the order of samples.
  ///   - sampling: which samples an epoch consists of.
  ///   - split: a split made at reading time.
  ///   - prefetch: microbatches prepared ahead.
  public init(
    files: [String], splits: [String: String] = [:], fields: [FieldConfiguration] = [],
    shuffle: Shuffle? = nil, sampling: SamplingConfiguration? = nil,
    split: SplitConfiguration? = nil, prefetch: Int = 4
  ) {
    self.files = files
    self.splits = splits
    self.fields = fields
    self.shuffle = shuffle
    self.sampling = sampling
    self.split = split
    self.prefetch = prefetch
  }
}

/// One field of a user's own HDF5 file.
public struct FieldConfiguration: Sendable, Equatable {
  /// The name used by `modalities` and `target`.
  public var name: String
  /// The path of the dataset in the file; `{split}` is replaced by the split's group.
  public var dataset: String
  /// What the numbers are; nil is inferred: integers of rank 1 are labels, the rest values.
  public var kind: Kind?
  /// Subtracted from each value, one number or one per channel (last axis).
  public var mean: [Double]?
  /// Divides each value after `mean`, one number or one per channel.
  public var std: [Double]?
  /// The number of classes of a label, where it cannot be read from the file.
  public var classes: Int?

  /// What a field's numbers are.
  public enum Kind: String, Sendable, Equatable, CaseIterable {
    /// Class numbers or ids, moved as Int64.
    case label
    /// Integer ids for an embedding, moved as Int64.
    case ids
    /// Numbers, moved as Float.
    case value
  }

  /// A field from its parts.
  ///
  /// - Parameters:
  ///   - name: the name used by `modalities` and `target`.
  ///   - dataset: the path in the file, `{split}` for the split's group.
  ///   - kind: what the numbers are; nil is inferred.
  ///   - mean: subtracted from each value.
  ///   - std: divides each value after `mean`.
  ///   - classes: the number of classes of a label.
  public init(
    name: String, dataset: String, kind: Kind? = nil, mean: [Double]? = nil, std: [Double]? = nil,
    classes: Int? = nil
  ) {
    self.name = name
    self.dataset = dataset
    self.kind = kind
    self.mean = mean
    self.std = std
    self.classes = classes
  }
}

/// A split made at reading time from the samples of one group.
public struct SplitConfiguration: Sendable, Equatable {
  /// Share of samples that become validation samples, in `0 ..< 1`.
  public var validation: Double
  /// Share of samples that become test samples, in `0 ..< 1`.
  public var test: Double
  /// With k folds: this fold validates; the shares are then ignored.
  public var fold: Int?
  /// The number of folds k.
  public var folds: Int?
  /// Keys the hash of the sample number that assigns it.
  public var seed: UInt64

  /// A split from its parts.
  ///
  /// - Parameters:
  ///   - validation: share of samples that validate.
  ///   - test: share of samples that test.
  ///   - fold: the fold that validates.
  ///   - folds: the number of folds.
  ///   - seed: keys the hash.
  public init(
    validation: Double = 0, test: Double = 0, fold: Int? = nil, folds: Int? = nil, seed: UInt64 = 0
  ) {
    self.validation = validation
    self.test = test
    self.fold = fold
    self.folds = folds
    self.seed = seed
  }
}

/// How samples become optimizer steps.
public struct BatchConfiguration: Sendable, Equatable {
  /// B: samples of one optimizer step over all ranks.
  public var global: Int
  /// N: samples of one forward pass; nil is `global / ranks` at the first launch.
  public var micro: Int?
}

/// Initial values from a safetensors file.
public struct InitializeConfiguration: Sendable, Equatable {
  /// The file; relative to the configuration's folder.
  public var from: String
  /// Patterns (`*` any run of characters) of our names that are filled; default all.
  public var include: [String]
  /// Patterns of our names that keep their initialiser.
  public var exclude: [String]
  /// Our name, or prefix ending in a dot, to the file's.
  public var rename: [String: String]

  /// Initial values from their parts; an empty `include` means all.
  public init(
    from: String, include: [String] = [], exclude: [String] = [], rename: [String: String] = [:]
  ) {
    self.from = from
    self.include = include
    self.exclude = exclude
    self.rename = rename
  }
}

/// An update rule with its constants.
public struct OptimizerConfiguration: Sendable, Equatable {
  /// The rule.
  public var rule: Rule
  /// The peak learning rate; the schedule multiplies it.
  public var learningRate: Double
  /// λ; L2 in the gradient for `sgd`, `adam` and `lars`, decoupled for `adamW`, inside the ratio for `lamb`.
  public var weightDecay: Double
  /// Patterns of names that decay; default `*.weight` of linear, convolution and embedding layers.
  public var weightDecayOn: [String]?
  /// Exceptions by name, the first match wins.
  public var groups: [Group]

  /// A rule with its constants.
  public init(
    rule: Rule, learningRate: Double, weightDecay: Double = 0, weightDecayOn: [String]? = nil,
    groups: [Group] = []
  ) {
    self.rule = rule
    self.learningRate = learningRate
    self.weightDecay = weightDecay
    self.weightDecayOn = weightDecayOn
    self.groups = groups
  }

  /// The update rules.
  public enum Rule: Sendable, Equatable {
    /// `v ← μ v + g; w ← w − η v` (PyTorch's form), with Nesterov's look-ahead if asked.
    case sgd(momentum: Double, nesterov: Bool)
    /// Kingma and Ba 2015.
    case adam(beta1: Double, beta2: Double, epsilon: Double)
    /// Loshchilov and Hutter 2019.
    case adamW(beta1: Double, beta2: Double, epsilon: Double)
    /// You et al. 2020.
    case lamb(beta1: Double, beta2: Double, epsilon: Double)
    /// You et al. 2017; `trust` is η of the paper.
    case lars(momentum: Double, trust: Double, epsilon: Double)
  }

  /// Parameters whose names match get their own rate, or none.
  public struct Group: Sendable, Equatable {
    /// A pattern of names.
    public var match: String
    /// Replaces the optimizer's learning rate.
    public var learningRate: Double?
    /// Replaces the optimizer's weight decay.
    public var weightDecay: Double?
    /// True: the parameters never change.
    public var freeze: Bool

    /// An exception from its parts; nil keeps the optimizer's value.
    public init(
      match: String, learningRate: Double? = nil, weightDecay: Double? = nil, freeze: Bool = false
    ) {
      self.match = match
      self.learningRate = learningRate
      self.weightDecay = weightDecay
      self.freeze = freeze
    }
  }
}

/// The factor on the learning rate as a function of the step; every form starts with warm-up.
public struct ScheduleConfiguration: Sendable, Equatable {
  /// The form after warm-up.
  public var form: Form
  /// Steps of linear rise: step `s < warmupSteps` uses `(s + 1) / warmupSteps`.
  public var warmupSteps: Int

  /// A form after its warm-up.
  public init(form: Form, warmupSteps: Int = 0) {
    self.form = form
    self.warmupSteps = warmupSteps
  }

  /// The forms; T is the number of steps after warm-up, t counts from 0 there.
  public enum Form: Sendable, Equatable {
    /// 1.
    case constant
    /// `gamma` to the power of the milestones passed; milestones count all steps.
    case step(milestones: [Int], gamma: Double)
    /// From 1 to `final` by half a cosine.
    case cosine(final: Double)
    /// `final + (1 − final)(1 − t/T)^power`.
    case polynomial(final: Double, power: Double)
    /// Smith's one-cycle: cosine from `initial` to 1 over the first share, then to `final`.
    case oneCycle(initial: Double, final: Double, peakAt: Double)
    /// Times `factor` whenever `metric` has not improved for `patience` evaluations.
    case plateau(metric: String, factor: Double, patience: Int, minimum: Double)
  }
}

/// How long a run is, and the rules of a step.
public struct TrainConfiguration: Sendable, Equatable {
  /// Exactly one of steps and epochs.
  public var length: Length
  /// Clips the global gradient to this L2 norm.
  public var clipNorm: Double?
  /// Decay of the moving average of weights, in `0 ..< 1`.
  public var ema: Double?
  /// What a NaN or infinity in a step does.
  public var nonFinite: NonFinitePolicy
  /// What happens to the samples that do not fill a global batch.
  public var lastBatch: LastBatch
  /// What matrix products and convolutions round their operands to; default `float32`.
  public var precision = Precision.float32
  /// What the way back computes a second time instead of keeping it; changes no bit; default `none`.
  public var recompute = Recomputation.none

  /// A length in steps or epochs.
  public enum Length: Sendable, Equatable {
    /// Optimizer steps.
    case steps(Int)
    /// Passes over the training split.
    case epochs(Int)
  }
  /// What happens to the last samples of an epoch.
  public enum LastBatch: String, Sendable, Equatable, CaseIterable {
    /// A smaller step.
    case keep
    /// Not used this epoch.
    case drop
  }
  /// What matrix products and convolutions round their operands to; all else is float32.
  public enum Precision: String, Sendable, Equatable, CaseIterable {
    /// Nothing is rounded.
    case float32
    /// To bfloat16, of 8 significant bits.
    case bfloat16
  }
}

/// When checkpoints are written and how many stay.
public struct CheckpointConfiguration: Sendable, Equatable {
  /// Steps between checkpoints; nil: one at every evaluation, unless time decides.
  public var everySteps: Int?
  /// Seconds between checkpoints, by the clock of the first rank.
  public var everySeconds: Double?
  /// The share of the run's time that checkpoints may cost, above 0 and below 1; they come as often as
  /// that allows.
  public var overhead: Double?
  /// The newest checkpoints that stay, at least 2; default 2.
  public var keep: Int
  /// Checkpoints of steps that are multiples of this stay for good.
  public var keepEvery: Int?

  /// Whether a clock decides when checkpoints are written.
  public var isTimed: Bool { everySeconds != nil || overhead != nil }
}

/// When and what is measured.
public struct EvaluateConfiguration: Sendable, Equatable {
  /// Epochs between evaluations; default 1 unless `everySteps` is given.
  public var everyEpochs: Int?
  /// Steps between evaluations.
  public var everySteps: Int?
  /// Names of metrics beside the loss; empty: those that fit each head's loss.
  public var metrics: [String]
  /// Sets of modalities that are measured as if the others were missing; nil for none.
  public var subsets: Subsets?
  /// Ends the run when a metric stops improving.
  public var earlyStop: EarlyStop?
  /// The metric that chooses the best checkpoint; nil: the loss.
  public var best: String?
  /// How heads with the loss `ctc` are read, when measured and when predicting; default `greedy`.
  public var decoder: DecoderConfiguration

  /// Sets of modalities.
  public enum Subsets: Sendable, Equatable {
    /// All but the empty one and, which is measured anyway, the one of all modalities.
    case all
    /// Those named.
    case listed([[String]])
  }

  /// The most modalities of which all subsets may be asked for.
  public static let mostModalitiesOfAllSubsets = 6

  /// Patience on a validation metric.
  public struct EarlyStop: Sendable, Equatable {
    /// `loss`, a metric, or `HEAD.metric`.
    public var metric: String
    /// Evaluations without improvement before the end.
    public var patience: Int
    /// The least change that counts as improvement; default 0.
    public var minimumChange: Double
  }
}
