/// How a supervisor ends a job: it asks, then insists, then kills.
///
/// A value that is told what happened and how much time went by, and says what to do; it knows no clock
/// and no process.
package struct Escalation: Sendable {
  /// What is done to the job.
  package enum Action: Sendable, Equatable {
    /// Asks the ranks to save and end (`SIGUSR1`, which `mpirun` passes on).
    case ask
    /// Makes `mpirun` end its ranks (`SIGTERM`).
    case terminate
    /// Ends `mpirun` and all processes of the job on this host (`SIGKILL`).
    case kill
  }

  private enum Stage: Equatable {
    case running, asked, terminated, killed
  }

  /// Seconds between the wish to stop and `SIGTERM`.
  package let grace: Double
  /// Seconds that `mpirun` gets to end a job of which a watchdog or a rank has said why it ends.
  package static let verdictPatience = 12.0
  /// Seconds that `mpirun` gets after its last rank has gone.
  package static let emptyPatience = 30.0
  /// Seconds between `SIGTERM` and `SIGKILL`.
  package static let terminationPatience = 5.0
  /// A second signal sooner than this is the first one's echo: schedulers and terminals send several.
  package static let echo = 1.0

  private var stage = Stage.running
  private var sinceStage = 0.0
  private var sinceVerdict = 0.0
  private var sinceEmpty = 0.0

  /// An escalation of a job that runs.
  package init(grace: Double) { self.grace = grace }

  /// Whether the job was ended against its will.
  package var isForced: Bool { stage == .terminated || stage == .killed }

  /// Takes account of a moment.
  ///
  /// - Parameters:
  ///   - seconds: since the last call.
  ///   - stop: whether a signal asked to save and stop since the last call.
  ///   - insists: whether that was one of which a second means at once.
  ///   - hasVerdict: whether it was said why the job ends.
  ///   - isEmpty: whether no rank is left.
  ///   - isOverdue: whether the job has stood still where no watchdog looks, too long.
  /// - Returns: what to do now, if anything.
  package mutating func advance(
    _ seconds: Double, stop: Bool = false, insists: Bool = false, hasVerdict: Bool = false,
    isEmpty: Bool = false, isOverdue: Bool = false
  ) -> Action? {
    sinceStage += seconds
    sinceVerdict = hasVerdict ? sinceVerdict + seconds : 0
    sinceEmpty = isEmpty ? sinceEmpty + seconds : 0
    switch stage {
    case .running where stop: return enter(.asked, .ask)
    case .asked where (insists && sinceStage >= Self.echo) || sinceStage >= grace:
      return enter(.terminated, .terminate)
    case .running, .asked:
      let isLate = sinceVerdict >= Self.verdictPatience || sinceEmpty >= Self.emptyPatience
      return isLate || isOverdue ? enter(.terminated, .terminate) : nil
    case .terminated where sinceStage >= Self.terminationPatience: return enter(.killed, .kill)
    // What does not die at once may have been started meanwhile.
    case .killed where sinceStage >= 1: return enter(.killed, .kill)
    case .terminated, .killed: return nil
    }
  }

  private mutating func enter(_ next: Stage, _ action: Action) -> Action {
    stage = next
    sinceStage = 0
    return action
  }
}
