/// How a command ends, as the shell and the scheduler see it.
///
/// Values from 64 follow BSD `sysexits.h` where it has a word for the case.
public enum ExitStatus: Int32, Sendable, CaseIterable {
  /// The command did what was asked.
  case done = 0
  /// The command line is wrong (`EX_USAGE`).
  case usage = 64
  /// Data or a checkpoint is damaged or not what it should be (`EX_DATAERR`).
  case badData = 65
  /// An input is missing (`EX_NOINPUT`).
  case missingInput = 66
  /// A file was written by a newer version.
  case newerVersion = 69
  /// A defect of ours, or a rank that failed (`EX_SOFTWARE`).
  case failure = 70
  /// An output cannot be created, or the folder belongs to another run (`EX_CANTCREAT`).
  case cannotCreate = 73
  /// Reading or writing failed, for example on a full disk (`EX_IOERR`).
  case inputOutput = 74
  /// The run was saved and can go on: run me again (`EX_TEMPFAIL`).
  case runAgain = 75
  /// Ranks disagree on binary, configuration or data.
  case ranksDisagree = 76
  /// Another job writes this run folder.
  case locked = 77
  /// The configuration or recipe is wrong (`EX_CONFIG`).
  case badConfiguration = 78
  /// Loss or gradient was NaN or infinite.
  case nonFinite = 79
  /// The watchdog ended a stuck job.
  case watchdog = 80
}

/// A failure met while running, with the status the command ends with.
public struct TrainingError: Error, Sendable, CustomStringConvertible {
  /// What the command ends with.
  public let status: ExitStatus
  /// What was expected, what was found and what to do.
  public let message: String

  /// A failure from its parts.
  public init(_ status: ExitStatus, _ message: String) {
    self.status = status
    self.message = message
  }

  /// The message.
  public var description: String { message }
}
