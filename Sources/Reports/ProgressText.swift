/// The lines that progress is shown in.
enum ProgressText {
  /// One plain line.
  static func plain(_ state: ProgressState, secondsLeft: Double) -> String {
    var parts = ["step \(state.step)/\(state.steps)"]
    if state.epoch > 0 { parts.append(epoch(state)) }
    if state.loss.isFinite { parts.append("loss " + HumanUnits.short(state.loss)) }
    if state.learningRate.isFinite {
      parts.append("learning rate " + HumanUnits.short(state.learningRate))
    }
    if state.samplesPerSecond.isFinite {
      parts.append(HumanUnits.rate(state.samplesPerSecond) + " samples/s")
    }
    if secondsLeft.isFinite, state.step < state.steps {
      parts.append(HumanUnits.clock(secondsLeft) + " left")
    }
    return parts.joined(separator: "  ")
  }

  /// One line that fits a terminal: what matters least goes first when it is narrow.
  ///
  /// The last column stays free, since some terminals wrap when it is written.
  static func line(
    _ state: ProgressState, secondsLeft: Double, columns: Int, unicode: Bool
  ) -> String {
    let room = max(0, columns - 1)
    let count = "\(state.step)/\(state.steps)"
    let left =
      secondsLeft.isFinite && state.step < state.steps
      ? HumanUnits.clock(secondsLeft) + " left" : nil
    let loss = state.loss.isFinite ? "loss " + HumanUnits.short(state.loss) : nil
    let rate =
      state.learningRate.isFinite ? "rate " + HumanUnits.short(state.learningRate) : nil
    let throughput =
      state.samplesPerSecond.isFinite
      ? HumanUnits.rate(state.samplesPerSecond) + " samples/s" : nil
    let epoch = state.epoch > 0 ? self.epoch(state) : nil
    let choices: [(before: [String?], after: [String?])] = [
      ([epoch], [count, loss, rate, throughput, left]), ([epoch], [count, loss, throughput, left]),
      ([epoch], [count, loss, left]), ([], [count, loss, left]), ([], [count, loss]),
    ]
    for choice in choices {
      let before = choice.before.compactMap { $0 }.joined(separator: "  ")
      let after = choice.after.compactMap { $0 }.joined(separator: "  ")
      let gaps = before.isEmpty ? 2 : 4
      let space = room - before.count - after.count - gaps
      guard space >= 10 else { continue }
      let bar = self.bar(state.share, width: min(space, 40), unicode: unicode)
      return [before, bar, after].filter { !$0.isEmpty }.joined(separator: "  ")
    }
    let bare = [count, loss].compactMap { $0 }.joined(separator: "  ")
    return String((bare.count <= room ? bare : count).prefix(room))
  }

  private static func epoch(_ state: ProgressState) -> String {
    state.epochs > 0 ? "epoch \(state.epoch)/\(state.epochs)" : "epoch \(state.epoch)"
  }

  /// A bar of `width` columns: eighths of a column, or `#` where only ASCII is safe.
  static func bar(_ share: Double, width: Int, unicode: Bool) -> String {
    let inner = max(0, width - 2)
    guard unicode else {
      let full = Int(share * Double(inner))
      return "[" + String(repeating: "#", count: full)
        + String(repeating: ".", count: inner - full) + "]"
    }
    let eighths = Int(share * Double(inner * 8))
    let partial = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8]
    let filled = String(repeating: "█", count: eighths / 8) + partial
    return "▕" + filled + String(repeating: " ", count: inner - filled.count) + "▏"
  }
}
