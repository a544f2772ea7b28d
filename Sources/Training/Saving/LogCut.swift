import Reports

extension JSONLines {
  /// Cuts the log back to where a checkpoint left it, so that no step stands in it twice.
  ///
  /// A log that is shorter is no reason not to go on: it was cut by a start from an older checkpoint, or by a
  /// person. The steps between are missing in the curves then.
  ///
  /// - Parameter recorded: the bytes that the checkpoint recorded.
  /// - Returns: what to tell a person; nil where nothing is missing.
  /// - Throws: `ReportError` if the file cannot be cut.
  func cut(to recorded: Int) throws -> String? {
    guard recorded <= offset else {
      return
        "\(path) has \(offset) bytes, the checkpoint recorded \(recorded): the lines between are lost"
    }
    try truncate(to: recorded)
    return nil
  }
}
