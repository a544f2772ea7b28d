import Configuration
import Models

/// What is removed from a trained network, and how.
public struct ShrinkOptions: Sendable {
  /// The run folder.
  public var run: String
  /// The new run's folder; nil: the plan alone is wanted.
  public var output: String?
  /// The checkpoint.
  public var choice: TrainedModel.Choice = .automatic
  /// What may be removed.
  public var kinds: Set<UnitGraph.Kind> = [.filters, .neurons, .recurrent, .heads]
  /// The share of all groups that goes, above 0 and below 1; with a ``tolerance`` at most that.
  public var remove = 0.5
  /// What a group is worth.
  public var score = Score.l2
  /// Which groups are ranked together.
  public var scope = Scope.global
  /// The share of each width that stays, whatever its units are worth; at least one unit.
  public var keepAtLeast = 0.1
  /// Rounds of removing, with fine-tuning after each.
  public var rounds = 1
  /// By which share the validation loss may rise, where groups are tried one by one; nil: they are not.
  public var tolerance: Double?
  /// Steps of training after each round.
  public var fineTune = 0
  /// Microbatches of the training split that ``Score/taylor`` looks at.
  public var microbatches = 64
  /// Keys of the configuration that the new run has otherwise: `optimizer.adamW.learningRate=1e-4`.
  public var overrides: [String] = []
  /// What the program calls itself, for the record.
  public var version: String

  /// What a group is worth.
  public enum Score: String, Sendable, CaseIterable {
    /// ‖w‖₂ of its parameters.
    case l2
    /// |Σ w · ∂L/∂w| over its parameters: by how much the loss changes to first order without them.
    case taylor
    /// |γ| of its batch norm.
    case scale
  }

  /// Which groups are ranked together.
  public enum Scope: String, Sendable, CaseIterable {
    /// All of them, so layers lose as much as they can spare.
    case global
    /// Those of one width, so each layer loses the same share.
    case layer
  }

  /// Options of a run, with the defaults of the rest.
  public init(run: String, output: String?, version: String) {
    (self.run, self.output, self.version) = (run, output, version)
  }

  /// Refuses numbers that mean nothing.
  func check() throws {
    func require(_ holds: Bool, _ sentence: String) throws {
      guard holds else { throw TrainingError(.usage, sentence) }
    }
    try require(
      remove > 0 && remove < 1, "--remove expected a share above 0 and below 1, found \(remove)")
    try require(
      keepAtLeast >= 0 && keepAtLeast < 1,
      "--keep-at-least expected a share from 0 to below 1, found \(keepAtLeast)")
    try require(
      tolerance.map { $0 >= 0 && $0.isFinite } ?? true,
      "--tolerance expected a share of at least 0, found \(tolerance ?? 0)")
    try require((1...1000).contains(rounds), "--rounds expected 1 to 1000, found \(rounds)")
    try require(fineTune >= 0, "--fine-tune expected steps from 0 on, found \(fineTune)")
    try require(microbatches >= 1, "--microbatches expected at least 1, found \(microbatches)")
    try require(!kinds.isEmpty, "--units expected at least one kind, found none")
    try require(
      rounds == 1 || fineTune > 0,
      "--rounds \(rounds) expected training between rounds; give --fine-tune STEPS, or one round")
  }
}
