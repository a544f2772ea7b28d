import Configuration

/// How the positions of an epoch fall into steps and microbatches.
///
/// Step k of an epoch takes positions `[kB, (k+1)B)`, its microbatch v the v-th N of them. With
/// `lastBatch: keep` the last step has what is left, perhaps with a smaller last microbatch.
public struct BatchPlan: Sendable, Equatable {
  /// S.
  public let samples: Int
  /// B.
  public let global: Int
  /// N.
  public let micro: Int
  /// What happens to the samples that do not fill a global batch.
  public let lastBatch: TrainConfiguration.LastBatch

  /// A plan; all numbers are at least 1.
  ///
  /// - Parameters:
  ///   - samples: S.
  ///   - global: B.
  ///   - micro: N.
  ///   - lastBatch: what happens to the samples that do not fill a global batch.
  public init(
    samples: Int, global: Int, micro: Int, lastBatch: TrainConfiguration.LastBatch
  ) {
    precondition(samples > 0 && global > 0 && micro > 0, "\(samples), \(global), \(micro)")
    self.samples = samples
    self.global = global
    self.micro = micro
    self.lastBatch = lastBatch
  }

  /// Steps of an epoch; 0 where everything is dropped.
  public var stepsPerEpoch: Int {
    lastBatch == .keep ? BatchPlan.ceiling(samples, global) : samples / global
  }

  /// V of a full step.
  public var microbatchesPerStep: Int { BatchPlan.ceiling(min(global, samples), micro) }

  /// Samples of a step of the epoch.
  ///
  /// - Parameter step: in `0 ..< stepsPerEpoch`.
  /// - Returns: B, or fewer in the last step.
  public func samples(inStep step: Int) -> Int {
    precondition(step >= 0 && step < stepsPerEpoch, "step \(step) of \(stepsPerEpoch)")
    return min(global, samples - step * global)
  }

  /// Samples of the first steps of an epoch together.
  ///
  /// - Parameter steps: how many, in `0 ... stepsPerEpoch`.
  /// - Returns: B for each step, the last one's share being what is left.
  public func samples(inFirst steps: Int) -> Int {
    precondition(steps >= 0 && steps <= stepsPerEpoch, "\(steps) of \(stepsPerEpoch) steps")
    // Every step but the last of an epoch is full, so the product stays below S + B.
    return min(steps * global, samples)
  }

  /// Microbatches of a step of the epoch: V, or fewer in the last step.
  ///
  /// - Parameter step: in `0 ..< stepsPerEpoch`.
  /// - Returns: `ceil(samples(inStep: step) / N)`.
  public func microbatchCount(ofStep step: Int) -> Int {
    BatchPlan.ceiling(samples(inStep: step), micro)
  }

  /// The positions of a microbatch in the epoch's order.
  ///
  /// - Parameters:
  ///   - step: in `0 ..< stepsPerEpoch`.
  ///   - microbatch: in `0 ..< microbatchCount(ofStep: step)`.
  /// - Returns: positions for ``Sampler/sample(at:epoch:)``; N of them, fewer at the end.
  public func positions(step: Int, microbatch: Int) -> Range<Int> {
    let size = samples(inStep: step)
    let start = microbatch * micro
    precondition(microbatch >= 0 && start < size, "microbatch \(microbatch) of step \(step)")
    return step * global + start..<step * global + min(start + micro, size)
  }

  private static func ceiling(_ count: Int, _ size: Int) -> Int { (count + size - 1) / size }
}
