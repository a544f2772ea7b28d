import CKernels
import Glibc

extension Kernels {
  /// `ln(max(x, least))` in place, within two units in the last place; infinity and NaN pass.
  ///
  /// - Precondition: `least` is positive and not denormal.
  public static func logarithms(count: Int, atLeast least: Float, values: Floats) {
    table.pointee.logarithms(Int64(count), least, values)
  }

  /// Slopes of features over time: `[rows, (1 + order) · C]` from `[rows, C]`, the features first.
  ///
  /// d_t = Σ_{θ = 1, 2} θ (c_{t+θ} − c_{t−θ}) / 10 within a sequence, its first and last step repeated
  /// beyond the ends; the second order is the slope of the first.
  ///
  /// - Parameters:
  ///   - samples: n.
  ///   - offsets: n + 1 first rows.
  ///   - channels: C.
  ///   - order: how many slopes of slopes, at least 0.
  ///   - x: the features.
  ///   - y: the result; not `x`.
  public static func deltas(
    samples: Int, offsets: UnsafePointer<Int>, channels: Int, order: Int, x: ConstantFloats,
    y: Floats
  ) {
    let width = (1 + order) * channels
    copyColumns(
      rows: offsets[samples], width: channels, source: x, sourceStride: channels, destination: y,
      destinationStride: width)
    for level in 0..<order {
      table.pointee.deltas(
        Int64(samples), offsets, Int64(channels), y + level * channels, Int64(width),
        y + (level + 1) * channels, Int64(width))
    }
  }

  /// Each channel of each sequence with mean 0 and variance 1.
  ///
  /// Cepstral mean and variance normalisation per utterance; 10⁻⁵ is added to the biased variance.
  /// In place is allowed.
  ///
  /// - Parameters:
  ///   - samples: n.
  ///   - offsets: n + 1 first rows.
  ///   - channels: C.
  ///   - x: the features.
  ///   - y: the result.
  ///   - scratch: room for `4 · C` floats.
  public static func normalizeSteps(
    samples: Int, offsets: UnsafePointer<Int>, channels: Int, x: ConstantFloats, y: Floats,
    scratch: Floats
  ) {
    let variance = scratch + channels
    let ones = variance + channels
    let zeros = ones + channels
    ones.update(repeating: 1, count: channels)
    zeros.update(repeating: 0, count: channels)
    for sample in 0..<samples where offsets[sample + 1] > offsets[sample] {
      let rows = offsets[sample + 1] - offsets[sample]
      let place = offsets[sample] * channels
      batchNormStatistics(
        rows: rows, channels: channels, x: x + place, mean: scratch, variance: variance)
      batchNormApply(
        rows: rows, channels: channels, x: x + place, mean: scratch, variance: variance,
        epsilon: 1e-5, weight: ones, bias: zeros, y: y + place)
    }
  }

  /// Adds white Gaussian noise whose ratio of signal to noise, in decibels, is uniform in `snr`.
  ///
  /// The signal's power is its mean square over the whole sequence; silence gets no noise.
  ///
  /// - Parameters:
  ///   - samples: n.
  ///   - offsets: n + 1 first values.
  ///   - snr: the least and the largest ratio.
  ///   - random: keys the numbers.
  ///   - x: the values.
  ///   - y: the result; may be `x`.
  public static func addNoise(
    samples: Int, offsets: UnsafePointer<Int>, snr: ClosedRange<Double>, random: PassRandom,
    x: ConstantFloats, y: Floats
  ) {
    for sample in 0..<samples where offsets[sample + 1] > offsets[sample] {
      let count = offsets[sample + 1] - offsets[sample]
      let values = x + offsets[sample]
      var draws = random.draws(ofSample: sample)
      let decibels =
        snr.lowerBound + Double(draws.uniform()) * (snr.upperBound - snr.lowerBound)
      let power = squaredNorm(count, values) / Double(count)
      let deviation = (power * pow(10, -decibels / 10)).squareRoot()
      // Counters below 16 belong to single draws.
      table.pointee.addNoise(
        Int64(count), Float(deviation), random.seed, RandomPurpose.augmentation.rawValue,
        random.path, UInt32(truncatingIfNeeded: random.step), random.sampleNumbers[sample], 16,
        values, y + offsets[sample])
    }
  }
}
