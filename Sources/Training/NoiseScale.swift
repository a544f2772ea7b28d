import Buffers
import Checkpoints

/// How noisy the gradients of single samples are, compared with their mean: the batch size up to which
/// more samples per step still help much.
///
/// - Source: McCandlish et al. 2018, "An empirical model of large-batch training", appendix A.1: with
///   microbatches of b samples and a step of B, `|G|² = |g_B|² − S / B` and
///   `S = (mean |g_b|² − |g_B|²) / (mean 1/b − 1/B)`; the simple noise scale is `S / |G|²`.
public final class NoiseScale {
  /// Steps between two measurements; each costs one pass over every microbatch's gradient.
  public static let period = 20
  /// Weight of the earlier measurements in the running means.
  static let decay = 0.9

  /// The running means, which a checkpoint keeps.
  public var moments: TrainingState.NoiseMoments
  private var squares: HostBuffer<Double>
  private var isDue = false

  /// Nothing measured yet.
  ///
  /// - Parameter microbatches: V of the largest step.
  public init(microbatches: Int) {
    squares = HostBuffer(count: microbatches)
    moments = TrainingState.NoiseMoments()
  }

  /// Begins a step; `step` counts from 0.
  package func begin(step: Int, microbatches: Int) {
    isDue = step % Self.period == 0 && microbatches > 1 && microbatches <= squares.count
    if isDue { squares.all.update(repeating: 0) }
  }

  /// Takes the gradient of one microbatch.
  ///
  /// - Parameters:
  ///   - index: the microbatch's place in the step.
  ///   - squaredNorm: computes `Σ g²`; called only when a measurement is due.
  @inline(__always)
  public func add(_ index: Int, microbatchSquaredNorm squaredNorm: @autoclosure () -> Double) {
    if isDue { squares[index] = squaredNorm() }
  }

  /// The numbers of all ranks' microbatches, zero where another rank has computed it; nil when no
  /// measurement is due.
  ///
  /// Added up over the ranks they are exact, for all but one of the numbers at a place are zero.
  package var pending: UnsafeMutableBufferPointer<Double>? { isDue ? squares.all : nil }

  /// Ends a measurement.
  ///
  /// - Parameters:
  ///   - samples: samples of every microbatch; the numbers at ``pending`` must be those of all ranks.
  ///   - globalNorm: the norm of the whole gradient.
  /// - Returns: the running estimate in samples; nil until it is positive.
  package func finish(samples: [Int], globalNorm: Double) -> Double? {
    guard isDue, samples.count > 1 else { return nil }
    isDue = false
    let global = Double(samples.reduce(0, +))
    var square = 0.0
    var inverse = 0.0
    // Gradients come divided by the whole batch; the estimate is about means over a microbatch.
    for (index, count) in samples.enumerated() {
      let scale = global / Double(count)
      square += squares[index] * scale * scale
      inverse += 1 / Double(count)
    }
    moments.add(
      meanSquare: square / Double(samples.count), meanInverse: inverse / Double(samples.count),
      globalSquare: globalNorm * globalNorm, samples: global)
    return moments.scale
  }

  /// What the estimate means for this run.
  ///
  /// - Parameters:
  ///   - scale: the noise scale in samples, or nil without one.
  ///   - global: B.
  /// - Returns: one sentence, or nil without an estimate.
  public static func sentence(_ scale: Double?, global: Int) -> String? {
    guard let scale else { return nil }
    let rounded = scale < 10 ? (scale * 10).rounded() / 10 : scale.rounded()
    let number = rounded == rounded.rounded() ? "\(Int(min(rounded, 1e15)))" : "\(rounded)"
    let start = "gradient noise scale about \(number) samples, batch \(global): "
    if scale > 2 * Double(global) {
      return start
        + "a larger batch, and with it more ranks, would still save steps almost in proportion"
    }
    if scale < Double(global) / 2 {
      return start
        + "a larger batch would save few steps, so more ranks help only within this batch"
    }
    return start + "the batch is about as large as pays; doubling it would save a part of the steps"
  }
}

extension TrainingState.NoiseMoments {
  /// Takes one measurement in.
  ///
  /// - Parameters:
  ///   - meanSquare: the mean over microbatches of the squared norm of their mean gradients.
  ///   - meanInverse: the mean of one over their samples.
  ///   - globalSquare: the squared norm of the mean gradient of the whole step.
  ///   - samples: samples of the step.
  mutating func add(
    meanSquare: Double, meanInverse: Double, globalSquare: Double, samples: Double
  ) {
    let spread = meanInverse - 1 / samples
    guard spread > 0, meanSquare.isFinite, globalSquare.isFinite else { return }
    let trace = (meanSquare - globalSquare) / spread
    noise = NoiseScale.decay * noise + (1 - NoiseScale.decay) * trace
    signal = NoiseScale.decay * signal + (1 - NoiseScale.decay) * (globalSquare - trace / samples)
    count += 1
  }

  /// `S / |G|²` of the running means; nil before a measurement, and where noise hides the mean.
  var scale: Double? {
    // Both means lack the same weight at first, so it cancels.
    guard count > 0, signal > 0, noise > 0 else { return nil }
    return noise / signal
  }
}
