/// How a call of ``Trainer/run()`` ended.
public enum RunOutcome: Sendable {
  /// All steps are done, or early stopping ended the run.
  case finished(RunSummary)
  /// The folder already holds the finished run.
  case alreadyComplete
  /// Saved on request before the end; starting again goes on from here.
  case interrupted(step: Int)
  /// All checks passed and one step was computed; nothing was kept.
  case dryRun(StepRecord)
}

extension RunOutcome {
  /// What the command ends with.
  public var status: ExitStatus {
    switch self {
    case .finished, .alreadyComplete, .dryRun: .done
    case .interrupted: .runAgain
    }
  }
}
