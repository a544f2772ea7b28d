/// Which weights a run sets to zero while it trains, and when.
public struct PruningConfiguration: Sendable, Equatable {
  /// How much is pruned after which step.
  public var schedule: Schedule
  /// Which tensors share one threshold; default `global`.
  public var scope: Scope
  /// What a weight is worth; default `magnitude`.
  public var criterion: Criterion
  /// Which weights become zero together; default `single`.
  public var pattern: Pattern
  /// Patterns of names that may be pruned; empty: all weights that can be.
  public var include: [String]
  /// Patterns of names that are not pruned.
  public var exclude: [String]
  /// Whether tables of embeddings are pruned too; default false.
  public var embeddings: Bool
  /// Whether the last layer of each head is pruned too; default false.
  public var lastLayers: Bool
  /// The share of each tensor's weights that stays whatever the threshold, at least one weight;
  /// default 0.001.
  public var keepAtLeast: Double
  /// How weights come back in exchange for others, once the schedule has ended; nil: never.
  public var regrow: Regrow?

  /// Dead weights with large gradients for live ones with small weights, as in RigL.
  public struct Regrow: Sendable, Equatable {
    /// The share of live weights that is exchanged first; it falls by half a cosine to 0 at ``until``; default 0.3.
    public var fraction: Double
    /// Steps between two exchanges, counted from the end of the schedule.
    public var every: Int
    /// The step from which nothing is exchanged any more.
    public var until: Int

    /// An exchange from its parts.
    public init(fraction: Double = 0.3, every: Int, until: Int) {
      (self.fraction, self.every, self.until) = (fraction, every, until)
    }
  }

  /// Which tensors share one threshold.
  public enum Scope: Sendable, Equatable {
    /// All of them.
    case global
    /// Each tensor has its own, so each is pruned alike.
    case layer
    /// Those whose names fit the same pattern, the first one that fits.
    case groups([String])
  }

  /// Which weights become zero together.
  public enum Pattern: Sendable, Equatable {
    /// Each by itself.
    case single
    /// Of every `of` weights of neighbouring inputs of one output the `keep` worth most stay (Mishra et al. 2021).
    case group(keep: Int, of: Int)
    /// Rectangles of neighbouring outputs and inputs, worth the mean of their weights.
    case block(outputs: Int, inputs: Int)
  }

  /// What a weight is worth; the least worth go first.
  public enum Criterion: String, Sendable, Equatable, CaseIterable {
    /// `|w|`.
    case magnitude
    /// `w² / Σ v²` over the weights v of the tensor that are at least as large (Lee et al. 2021).
    case lamp
    /// `|g · w|` with the gradient of the step just done (Lee et al. 2019).
    case saliency
    /// `−Σ g · w` over all steps so far (Sanh et al. 2020).
    case movement

    /// Whether scores come from gradients, are kept from step to step, and belong to checkpoints.
    public var followsGradients: Bool { self == .saliency || self == .movement }
  }

  /// How much is pruned after which step; steps count from 1, 0 is before the first.
  public enum Schedule: Sendable, Equatable {
    /// `final + (initial − final)(1 − p)^power` with `p = (t − begin) / (end − begin)`, every so many
    /// steps from `begin`, and at `end` (Zhu and Gupta 2017).
    case polynomial(
      initial: Double, final: Double, begin: Int, end: Int, every: Int, power: Double)
    /// The same sparsity, chosen anew every so many steps from `begin` to `end`; nil: to the end of the run.
    case constant(sparsity: Double, begin: Int, end: Int?, every: Int)
    /// Once.
    case oneShot(sparsity: Double, at: Int)
    /// `fraction` of what is left, every so many steps from `begin`, until `final` (Han et al. 2015,
    /// Frankle and Carbin 2019).
    case iterative(final: Double, fraction: Double, begin: Int, every: Int, rewind: Rewind?)
  }

  /// What goes back to an early step after every round of iterative pruning.
  public enum Rewind: Sendable, Equatable {
    /// Weights and learning rate, to what they were after so many steps; the optimizer starts anew.
    case weights(to: Int)
    /// The learning rate alone (Renda et al. 2020).
    case learningRate(to: Int)

    /// The step that is gone back to.
    public var step: Int {
      switch self {
      case .weights(let step), .learningRate(let step): step
      }
    }
  }

  /// A configuration from its parts, for callers that have no YAML.
  ///
  /// - Parameters:
  ///   - schedule: how much is pruned when.
  ///   - scope: which tensors share one threshold.
  ///   - criterion: what a weight is worth.
  ///   - pattern: which weights become zero together.
  ///   - include: patterns of names that may be pruned; empty means all.
  ///   - exclude: patterns of names that are not pruned.
  ///   - embeddings: whether tables of embeddings are pruned too.
  ///   - lastLayers: whether the last layer of each head is pruned too.
  ///   - keepAtLeast: the share of each tensor that stays.
  ///   - regrow: how weights come back.
  public init(
    schedule: Schedule, scope: Scope = .global, criterion: Criterion = .magnitude,
    pattern: Pattern = .single, include: [String] = [], exclude: [String] = [],
    embeddings: Bool = false,
    lastLayers: Bool = false, keepAtLeast: Double = 0.001, regrow: Regrow? = nil
  ) {
    self.regrow = regrow
    self.schedule = schedule
    self.scope = scope
    self.criterion = criterion
    self.pattern = pattern
    self.include = include
    self.exclude = exclude
    self.embeddings = embeddings
    self.lastLayers = lastLayers
    self.keepAtLeast = keepAtLeast
  }
}
