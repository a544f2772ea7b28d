import Reports

extension JSONLines {
  /// Appends one line, and tells where the disk has just become full.
  ///
  /// - Throws: `ReportError` if the line can neither be written nor wait.
  func append(_ value: JSONValue, telling observer: (any TrainingObserver)?) throws {
    let wasBehind = isBehind
    try append(value)
    guard isBehind, !wasBehind else { return }
    observer?.noted("\(path) cannot grow, the disk is full: its lines wait in memory for space")
  }

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
