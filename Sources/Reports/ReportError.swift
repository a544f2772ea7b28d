import Glibc

/// Why a report or a log of metrics could not be written or read.
public struct ReportError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The kinds of failure, to branch on.
  public enum Code: Sendable, Equatable {
    /// A call of the operating system failed.
    case system(errno: Int32)
    /// A file is shorter than what was recorded of it.
    case truncated
    /// A text is not JSON.
    case json
  }

  /// What kind of failure it is.
  public let code: Code
  /// What was expected, what was found and what to do.
  public let message: String

  /// Whether nothing is wrong but that the disk or the quota is full.
  public var isFull: Bool { code == .system(errno: ENOSPC) || code == .system(errno: EDQUOT) }

  /// The message, for people.
  public var description: String { message }

  /// The failure of a call on a file, from `errno`.
  static func system(_ call: String, _ path: String, _ number: Int32 = errno) -> ReportError {
    let reason = String(cString: strerror(number))
    return ReportError(
      code: .system(errno: number), message: "\(path): \(call) failed: \(reason)")
  }
}
