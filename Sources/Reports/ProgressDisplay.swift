import Glibc

/// Shows a run's progress: one redrawn line at a terminal, plain lines in a pipe.
///
/// The display writes nothing by itself; what it wants to show goes to the sink it is given.
/// Times are passed in, so that the same calls always show the same text.
public final class ProgressDisplay {
  /// How progress is shown.
  public enum Style: Sendable, Equatable {
    /// One line, redrawn in place at most ten times a second.
    case redrawn(unicode: Bool)
    /// A line each so many seconds.
    case lines(everySeconds: Double)
    /// Only notes.
    case silent
  }

  private let style: Style
  private let columns: () -> Int
  private let write: (String) -> Void
  private var last: ProgressState?
  private var lastShown = -Double.infinity
  private var isLineOpen = false
  private var isLastShown = false
  private var pace = ProgressPace()

  /// A display that has shown nothing.
  ///
  /// - Parameters:
  ///   - style: how to show progress.
  ///   - columns: the width of the terminal now; asked at every redraw.
  ///   - write: receives the text, to be written at once and unchanged.
  public init(
    style: Style, columns: @escaping () -> Int = { 80 }, write: @escaping (String) -> Void
  ) {
    self.style = style
    self.columns = columns
    self.write = write
  }

  /// Tells where the run stands; shows it if it is time to.
  ///
  /// Called at every step: unless something is shown, it costs a comparison and allocates nothing.
  ///
  /// - Parameters:
  ///   - state: where the run stands.
  ///   - seconds: a steady clock.
  public func update(_ state: ProgressState, at seconds: Double) {
    last = state
    isLastShown = false
    let interval: Double
    switch style {
    case .silent: return
    case .redrawn: interval = 0.1
    case .lines(let everySeconds): interval = everySeconds
    }
    if seconds - lastShown >= interval { show(state, at: seconds) }
  }

  /// Shows a line that stays, such as the result of an evaluation.
  ///
  /// - Parameter text: one line, without a line break.
  public func note(_ text: String) {
    guard case .redrawn(let unicode) = style, isLineOpen, let last else {
      write(text + "\n")
      return
    }
    write("\r\u{1B}[K" + text + "\n" + line(last, unicode: unicode) + "\u{1B}[K")
  }

  /// Shows the last state once more if it has not been, and ends the line.
  ///
  /// - Parameter seconds: a steady clock.
  public func finish(at seconds: Double) {
    if let last, !isLastShown, style != .silent { show(last, at: seconds) }
    if isLineOpen { write("\n") }
    isLineOpen = false
  }

  private func show(_ state: ProgressState, at seconds: Double) {
    pace.observe(step: state.step, at: seconds)
    lastShown = seconds
    isLastShown = true
    if case .redrawn(let unicode) = style {
      write("\r" + line(state, unicode: unicode) + "\u{1B}[K")
      isLineOpen = true
    } else {
      write(ProgressText.plain(state, secondsLeft: pace.secondsLeft(state)) + "\n")
    }
  }

  private func line(_ state: ProgressState, unicode: Bool) -> String {
    ProgressText.line(
      state, secondsLeft: pace.secondsLeft(state), columns: columns(), unicode: unicode)
  }
}

/// The speed of the run in steps, smoothed over the last half minute.
struct ProgressPace {
  private var step = 0
  private var seconds = -Double.infinity
  private var secondsPerStep = Double.nan

  mutating func observe(step: Int, at seconds: Double) {
    defer { (self.step, self.seconds) = (step, seconds) }
    let elapsed = seconds - self.seconds
    guard elapsed.isFinite, elapsed > 0, step > self.step else { return }
    let now = elapsed / Double(step - self.step)
    let share = secondsPerStep.isNaN ? 1 : 1 - exp(-elapsed / 30)
    secondsPerStep = secondsPerStep.isNaN ? now : secondsPerStep + share * (now - secondsPerStep)
  }

  /// The time to the last step; NaN before the speed is known.
  func secondsLeft(_ state: ProgressState) -> Double {
    Double(max(0, state.steps - state.step)) * secondsPerStep
  }
}
