/// What a resumed run must know beside arrays: counters, and what evaluations have shown so far.
///
/// Sampling, schedules and random numbers are functions of the step, so they need nothing here.
public struct TrainingState: Sendable, Equatable, Codable {
  /// Optimizer steps done, skipped ones included: the next step's number.
  public var step: Int
  /// The epoch the next step belongs to, counted from 0.
  public var epoch: Int
  /// Updates done, which counts bias corrections; less than `step` where steps were skipped.
  public var stepsTaken: Int
  /// Steps skipped because of a NaN or an infinity.
  public var skippedSteps: Int
  /// Those among the last thousand steps that `train.nonFinite: skip` left out, for its limits; nil in
  /// checkpoints that do not know it.
  public var recentSkips: [Int]?
  /// Steps whose update is left out whenever they are computed, because of which the run went back; nil as
  /// ``recentSkips``.
  public var leftOut: [Int]?
  /// How often the run went back to a checkpoint; nil as ``recentSkips``.
  public var rollbacks: Int?
  /// Of the epoch so far, samples whose ids need more steps than there are, per head; nil as ``recentSkips``
  /// and where no head transcribes.
  public var infeasible: [Int]?
  /// The best value of the metric that chooses the best checkpoint.
  public var bestMetric: Double?
  /// The name of that metric; nil before the first evaluation, and in checkpoints that do not know it.
  public var bestMetricName: String?
  /// The step of that value.
  public var bestStep: Int?
  /// The best value that early stopping has seen.
  public var earlyStopBest: Double?
  /// The name of the metric that early stopping has seen; nil as ``bestMetricName``.
  public var earlyStopName: String?
  /// Evaluations in a row without improvement, for early stopping.
  public var badEvaluations: Int
  /// Whether early stopping has ended the run.
  public var stoppedEarly: Bool
  /// What the plateau schedule remembers.
  public var plateau: Plateau
  /// Bytes of `metrics.jsonl` that belong to the steps done; what follows is cut on resume.
  public var logBytes: Int
  /// Wall-clock seconds of training so far, over all starts.
  public var seconds: Double
  /// Whether the arrays hold a moving average of weights.
  public var hasAverage: Bool
  /// The running means of the gradient noise scale; nil in checkpoints that do not know it.
  public var noise: NoiseMoments?
  /// What was pruned last; nil where nothing was, and in checkpoints that do not know it.
  public var pruning: Pruning?
  /// The bounds of constraints that were taken from weights, by tensor; nil where there are none, and in checkpoints that do
  /// not know it.
  public var constraintBounds: [Double?]?

  /// One choice of what is pruned.
  public struct Pruning: Sendable, Equatable, Codable {
    /// Steps done before it.
    public var step: Int
    /// The share of weights that was to be zero.
    public var sparsity: Double
    /// K: the weights that are zero.
    public var zeros: Int
    /// N: the weights that can be pruned.
    public var weights: Int
    /// The bits of each group's threshold; nil where nothing new was pruned.
    public var thresholds: [UInt32?]
    /// The checksum of the mask, in hexadecimal.
    public var checksum: String
    /// Weights that came back in exchange for others; nil where none could.
    public var grown: Int?

    /// A choice from its parts.
    public init(
      step: Int, sparsity: Double, zeros: Int, weights: Int, thresholds: [UInt32?],
      checksum: String, grown: Int? = nil
    ) {
      self.grown = grown
      self.step = step
      self.sparsity = sparsity
      self.zeros = zeros
      self.weights = weights
      self.thresholds = thresholds
      self.checksum = checksum
    }
  }

  /// Running means that the gradient noise scale is the ratio of.
  public struct NoiseMoments: Sendable, Equatable, Codable {
    /// Of the squared norm of the true gradient.
    public var signal = 0.0
    /// Of the trace of the covariance of single samples' gradients.
    public var noise = 0.0
    /// Measurements so far.
    public var count = 0

    /// Before the first measurement.
    public init() {}
  }

  /// The plateau schedule's memory: the fields of the optimizers' `PlateauState`.
  public struct Plateau: Sendable, Equatable, Codable {
    /// The factor reached so far.
    public var factor: Double
    /// The best value seen.
    public var best: Double?
    /// Evaluations in a row without improvement.
    public var badEvaluations: Int

    /// A memory from its parts.
    public init(factor: Double = 1, best: Double? = nil, badEvaluations: Int = 0) {
      self.factor = factor
      self.best = best
      self.badEvaluations = badEvaluations
    }
  }

  /// The state before the first step.
  public init() {
    step = 0
    epoch = 0
    stepsTaken = 0
    skippedSteps = 0
    badEvaluations = 0
    stoppedEarly = false
    plateau = Plateau()
    logBytes = 0
    seconds = 0
    hasAverage = false
  }
}
