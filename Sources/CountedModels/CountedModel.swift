import MPI
import Parameters

/// A model that is fitted by counting: accumulate statistics over a shard, reduce, update.
///
/// Fitting takes steps of one or more phases. In a phase every rank accumulates what it can tell from
/// its share of the data and the parameters so far; the ranks' statistics are joined; and every rank
/// updates its share of the parameters and publishes it. Nothing depends on how the data was shared:
/// integers may be added in any order, Float64 sums stay apart by parts of the data that are fixed
/// beforehand, and are added in the order of the parts.
///
/// The three calls of a phase are collective: every rank of the group makes them, in the same order.
public protocol CountedModel: AnyObject {
  /// The parameters; between steps equal on all ranks, and all that a later step depends on.
  var store: ParameterStore { get }
  /// Phases of a step.
  var phases: Int { get }
  /// What the last step left of what is minimised, equal on all ranks.
  var loss: Double { get }

  /// Gives the parameters the values before the first step.
  func initialize()
  /// Counts over this rank's share what a phase needs of all ranks; does not communicate.
  func accumulate(phase: Int)
  /// Joins the statistics of all ranks.
  ///
  /// - Throws: `MPIError`.
  func reduce(phase: Int, _ world: Communicator) throws
  /// Moves this rank's share of the parameters and publishes it to the others.
  ///
  /// - Throws: `MPIError`, or on all ranks what ``CountedModelError`` says.
  func update(phase: Int, _ world: Communicator) throws
}

extension CountedModel {
  /// One step: all phases in order.
  ///
  /// - Parameter world: all ranks.
  /// - Throws: what the phases throw.
  public func step(_ world: Communicator) throws {
    for phase in 0..<phases {
      accumulate(phase: phase)
      try reduce(phase: phase, world)
      try update(phase: phase, world)
    }
  }
}

/// What keeps a counted model from being fitted, in one sentence.
public struct CountedModelError: Error, Sendable, CustomStringConvertible {
  /// The kinds of failure.
  public enum Code: Sendable, Equatable {
    /// The settings leave a system of equations without one solution (78).
    case singular
    /// The data holds what the method has no meaning for (65).
    case data
  }

  /// The kind of failure.
  public let code: Code
  /// What was expected, what was found, what to do.
  public let description: String

  /// An error from its parts.
  public init(_ code: Code, _ description: String) {
    self.code = code
    self.description = description
  }
}
