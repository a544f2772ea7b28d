import Configuration
import Glibc

/// The factor on the learning rate as a pure function of the step.
///
/// Step `s < warmupSteps` uses `(s + 1) / warmupSteps`, whatever the form. After it `t = s −
/// warmupSteps` counts from 0 and `T = totalSteps − warmupSteps`; the last step is `t = T − 1`.
/// The formulas are those of PyTorch's schedulers of the same names, stepped once per step.
public struct Schedule: Sendable {
  private let configuration: ScheduleConfiguration
  private let totalSteps: Int

  /// A schedule over a run.
  ///
  /// - Parameters:
  ///   - configuration: the form and its warm-up.
  ///   - totalSteps: optimizer steps of the whole run, warm-up included.
  public init(_ configuration: ScheduleConfiguration, totalSteps: Int) {
    self.configuration = configuration
    self.totalSteps = totalSteps
  }

  /// The factor of step `step`, counted from 0.
  ///
  /// For `plateau` this is 1 after warm-up; the training loop multiplies `PlateauState.factor`.
  public func factor(at step: Int) -> Double {
    let warmup = configuration.warmupSteps
    if step < warmup { return Double(step + 1) / Double(warmup) }
    let length = max(1, totalSteps - warmup)
    let time = step - warmup
    let progress = min(1, Double(time) / Double(length))
    switch configuration.form {
    case .constant, .plateau:
      return 1
    case .step(let milestones, let gamma):
      let passed = milestones.reduce(0) { $1 <= step ? $0 + 1 : $0 }
      return pow(gamma, Double(passed))
    case .cosine(let final):
      return Self.cosine(from: 1, to: final, progress: progress)
    case .polynomial(let final, let power):
      return final + (1 - final) * pow(1 - progress, power)
    case .oneCycle(let initial, let final, let peakAt):
      return Self.oneCycle(
        time: Double(min(time, length - 1)), length: Double(length), initial: initial,
        final: final, peakAt: peakAt)
    }
  }

  /// Half a cosine: `to + (from − to)(1 + cos(π progress)) / 2`.
  private static func cosine(from: Double, to: Double, progress: Double) -> Double {
    to + (from - to) * (1 + cos(.pi * progress)) / 2
  }

  /// Rises until `peakAt · length − 1`, falls until `length − 1`.
  private static func oneCycle(
    time: Double, length: Double, initial: Double, final: Double, peakAt: Double
  ) -> Double {
    let peak = peakAt * length - 1
    if peak > 0, time <= peak { return cosine(from: initial, to: 1, progress: time / peak) }
    let start = max(0, peak)
    let span = length - 1 - start
    return cosine(from: 1, to: final, progress: span > 0 ? (time - start) / span : 0)
  }
}
