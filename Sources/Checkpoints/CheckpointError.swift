import Glibc

/// Why a file of weights or a checkpoint could not be written, read or trusted.
public struct CheckpointError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What kind of failure it is; the command line maps each to its exit code.
  public enum Code: String, Sendable, Equatable, Codable {
    /// Content that is not what it must be: exit code 65.
    case damaged
    /// Something named does not exist: exit code 66.
    case missing
    /// Written by a newer version: exit code 69.
    case newerVersion
    /// A place where nothing may be created: exit code 73.
    case cannotCreate
    /// The disk or the file system failed: exit code 74.
    case inputOutput
    /// The disk or the quota is full: exit code 74.
    case noSpace
    /// A key of the configuration that cannot be followed: exit code 78.
    case badConfiguration
    /// Another job holds the run folder: exit code 77.
    case locked
  }

  /// What kind of failure it is.
  public let code: Code
  /// What was expected, what was found, and what to do.
  public let message: String

  /// An error from its parts.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  /// The message.
  public var description: String { message }

  /// The error of a failed system call.
  ///
  /// - Parameters:
  ///   - number: errno right after the call.
  ///   - action: what was attempted, for example "create".
  ///   - path: on what.
  /// - Returns: the error with the reason and what to do.
  static func system(_ number: Int32, _ action: String, _ path: String) -> CheckpointError {
    let reason = String(cString: strerror(number))
    let text = "cannot \(action) \(path): \(reason)"
    switch number {
    case EACCES, EPERM, EROFS:
      return CheckpointError(
        .cannotCreate, "\(text); choose a folder that this user may write")
    case EEXIST, EISDIR, ENOTDIR, ELOOP:
      return CheckpointError(.cannotCreate, "\(text); something else is in the way")
    case ENOENT:
      return CheckpointError(.missing, text)
    case ENOSPC, EDQUOT:
      return CheckpointError(.noSpace, "\(text); free some space and run again")
    default:
      return CheckpointError(.inputOutput, text)
    }
  }
}
