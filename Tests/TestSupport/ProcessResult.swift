/// How a process ended and what it said.
public struct ProcessResult: Sendable, CustomStringConvertible {
  /// The command, as a person would type it.
  public let command: String
  /// The exit code; 128 plus the signal for a process that a signal ended.
  public let status: Int32
  /// The signal that ended it, if one did.
  public let signal: Int32?
  /// What it wrote to standard output.
  public let output: String
  /// What it wrote to standard error.
  public let errors: String
  /// How long it ran.
  public let seconds: Double
  /// Command lines of descendants that outlived it by seconds; they were then ended.
  public let leftovers: [String]

  /// Everything a failed test should show.
  public var description: String {
    "`\(command)` ended with \(status) after \(seconds) s\n--- output\n\(output)--- errors\n\(errors)"
  }

  /// The lines of both streams that contain `text`.
  ///
  /// - Parameter text: what to look for.
  /// - Returns: those lines, in order.
  public func lines(with text: String) -> [String] {
    (output + "\n" + errors).split(separator: "\n").map(String.init).filter { $0.contains(text) }
  }
}

/// A process that did not start, or did not end in its time.
public struct ProcessFailure: Error, Sendable, CustomStringConvertible {
  /// What went wrong, with the command and the end of what it said.
  public let description: String
}
