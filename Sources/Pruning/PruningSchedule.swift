import Configuration
import Glibc

/// How much is pruned after which step: a pure function of the number of steps done.
///
/// The formula and the steps are those of `PolynomialDecay` and `ConstantSparsity` of TensorFlow's Model
/// Optimization Toolkit, but that the last step of the schedule always prunes, so that a run ends at the
/// sparsity it asked for whatever the interval.
public struct PruningSchedule: Sendable, Equatable {
  /// What was asked for.
  public let configuration: PruningConfiguration.Schedule
  /// Optimizer steps of the whole run.
  public let totalSteps: Int

  /// A schedule over a run.
  ///
  /// - Parameters:
  ///   - configuration: how much is pruned when.
  ///   - totalSteps: optimizer steps of the whole run.
  /// - Throws: ``PruningError`` where the schedule ends after the run.
  public init(_ configuration: PruningConfiguration.Schedule, totalSteps: Int) throws {
    self.configuration = configuration
    self.totalSteps = totalSteps
    guard lastStep > totalSteps else { return }
    throw PruningError(
      .impossibleTarget,
      "pruning.schedule: its last step is \(lastStep), but this run has \(totalSteps) steps, so it would "
        + "never reach the sparsity asked for; end it earlier or train longer")
  }

  /// The step after which is pruned first.
  public var firstStep: Int {
    switch configuration {
    case .polynomial(_, _, let begin, _, _, _), .constant(_, let begin, _, _),
      .iterative(_, _, let begin, _, _):
      begin
    case .oneShot(_, let step): step
    }
  }

  /// The step after which is pruned last.
  public var lastStep: Int {
    switch configuration {
    case .polynomial(_, _, _, let end, _, _): end
    case .constant(_, let begin, let end, _): end ?? max(begin, totalSteps)
    case .oneShot(_, let step): step
    case .iterative(_, _, let begin, let every, _): begin + (rounds - 1) * every
    }
  }

  /// The share of weights that is zero in the end.
  public var finalSparsity: Double { sparsity(after: lastStep) }

  /// Whether the mask is chosen anew after `step` steps; 0 is before the first.
  public func isDue(after step: Int) -> Bool {
    guard step >= firstStep, step <= lastStep else { return false }
    switch configuration {
    case .polynomial(_, _, let begin, let end, let every, _):
      return step == end || (step - begin) % every == 0
    case .constant(_, let begin, _, let every), .iterative(_, _, let begin, let every, _):
      return step == lastStep || (step - begin) % every == 0
    case .oneShot: return true
    }
  }

  /// The share of weights that is zero once the mask was chosen after `step` steps; 0 before the first.
  ///
  /// Between two choices this is what a choice would come to, not what is there.
  public func sparsity(after step: Int) -> Double {
    guard step >= firstStep else { return 0 }
    switch configuration {
    case .polynomial(let initial, let final, let begin, let end, _, let power):
      guard step < end else { return final }
      let progress = Double(step - begin) / Double(end - begin)
      return final + (initial - final) * pow(1 - progress, power)
    case .constant(let sparsity, _, _, _), .oneShot(let sparsity, _): return sparsity
    case .iterative(let final, let fraction, let begin, let every, _):
      let round = min(rounds, (step - begin) / every + 1)
      return round == rounds ? final : 1 - Self.left(after: round, fraction)
    }
  }

  /// How many rounds iterative pruning takes; 1 for the other schedules.
  public var rounds: Int {
    guard case .iterative(let final, let fraction, _, _, _) = configuration else { return 1 }
    var round = 1
    while Self.left(after: round, fraction) > 1 - final { round += 1 }
    return round
  }

  /// What goes back to an early step after every round.
  public var rewind: PruningConfiguration.Rewind? {
    guard case .iterative(_, _, _, _, let rewind) = configuration else { return nil }
    return rewind
  }

  /// The step whose learning rate step `step` uses, both counted from 0.
  ///
  /// With rewinding the first ``learningRateSteps`` steps are replayed after every round, from the step
  /// that is gone back to.
  public func learningRateStep(of step: Int) -> Int {
    guard case .iterative(_, _, let begin, let every, let rewind?) = configuration, step >= begin
    else { return step }
    let round = min(rounds - 1, (step - begin) / every)
    return min(begin - 1, rewind.step + step - begin - round * every)
  }

  /// The steps that the learning rate's schedule spans: with rewinding those before the first round.
  public var learningRateSteps: Int {
    rewind == nil ? totalSteps : max(1, firstStep)
  }

  /// The share left after so many rounds, multiplied up so that every machine has the same bits.
  private static func left(after rounds: Int, _ fraction: Double) -> Double {
    (0..<rounds).reduce(1) { share, _ in share * (1 - fraction) }
  }
}
