import Configuration
import Glibc
import Pruning

/// When weights come back in exchange for others, and how many.
///
/// Evci, Gale, Menick, Castro and Elsen, "Rigging the lottery: making all tickets winners", 2020.
public struct RegrowthSchedule: Sendable {
  private let settings: PruningConfiguration.Regrow
  private let begin: Int
  /// The share of weights that is zero before and after an exchange.
  public let sparsity: Double

  /// An exchange after the end of a schedule.
  ///
  /// - Parameters:
  ///   - settings: what is asked for.
  ///   - schedule: what is pruned before.
  ///   - totalSteps: optimizer steps of the run.
  /// - Throws: ``TrainingError`` where it does not fit between the schedule's end and the run's.
  init(
    _ settings: PruningConfiguration.Regrow, after schedule: PruningSchedule, totalSteps: Int
  ) throws {
    self.settings = settings
    begin = schedule.lastStep
    sparsity = schedule.finalSparsity
    guard settings.until > begin + settings.every, settings.until <= totalSteps else {
      throw TrainingError(
        .badConfiguration,
        "pruning.regrow: until \(settings.until) leaves no exchange; expected more than \(begin + settings.every), "
          + "one interval after the schedule's last step \(begin), and at most \(totalSteps), the steps of this run"
      )
    }
  }

  /// The first exchange is after this step.
  public var firstStep: Int { begin + settings.every }

  /// Whether weights are exchanged after `step` steps.
  public func isDue(after step: Int) -> Bool {
    step > begin && step < settings.until && (step - begin) % settings.every == 0
  }

  /// The share of zeros between giving up weights and growing others, after `step` steps: half a cosine of what is live.
  public func sparsityBetween(after step: Int) -> Double {
    let progress = Double(step - begin) / Double(settings.until - begin)
    return sparsity + (1 - sparsity) * settings.fraction / 2 * (1 + cos(.pi * progress))
  }

  /// The largest of ``sparsityBetween(after:)``.
  var mostSparsity: Double { sparsityBetween(after: firstStep) }
}
