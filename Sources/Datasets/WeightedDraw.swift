import Tensors

/// Independent draws with replacement, in proportion to the samples' weights.
///
/// A number of 53 random bits, a function of (seed, epoch, position), is looked up by bisection in the
/// running sum of the weights (inversion; Devroye, "Non-Uniform Random Variate Generation", 1986, III.2).
/// A sample of weight 0 has no room in the sum, so it is never drawn.
///
/// - Cost: 8 bytes per sample; a draw takes log2 S looks.
public struct WeightedDraw: Sendable, Equatable {
  /// Σ of the weights up to and including each sample.
  private let sums: [Double]

  /// Adds up the weights.
  ///
  /// - Parameter weights: of each sample, finite and at least 0, not all 0.
  public init(weights: [Float]) {
    var sum = 0.0
    sums = weights.map { weight in
      precondition(weight >= 0 && weight.isFinite, "a weight of \(weight)")
      sum += Double(weight)
      return sum
    }
    precondition(sum > 0, "no sample has a weight")
  }

  /// The sample at a place of an epoch.
  func sample(at position: Int, epoch: Int, seed: UInt64) -> Int {
    let random = CounterRandom(
      seed: seed, purpose: .shuffle, stream: WeightedDraw.stream,
      substream: UInt32(truncatingIfNeeded: epoch))
    let upper = UInt64(random.bits(at: 2 * position)) << 21
    let bits = upper | UInt64(random.bits(at: 2 * position + 1)) >> 11
    // Below the whole sum even after rounding, since the factor is at most 1 − 2⁻⁵³.
    let point = Double(bits) * 0x1p-53 * sums[sums.count - 1]
    var low = 0
    var last = sums.count - 1
    while low < last {
      let middle = (low + last) / 2
      if sums[middle] > point { last = middle } else { low = middle + 1 }
    }
    return low
  }

  private static let stream = pathHash("data.sampling.weighted")
}
