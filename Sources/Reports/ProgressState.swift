/// Where a run stands, as shown while it goes on.
///
/// Only numbers, so that telling the display about a step allocates nothing.
public struct ProgressState: Sendable, Equatable {
  /// Optimizer steps done.
  public var step: Int
  /// Optimizer steps of the whole run.
  public var steps: Int
  /// The epoch under way, counted from 1; 0 leaves it out.
  public var epoch: Int
  /// Epochs of the whole run; 0 leaves it out.
  public var epochs: Int
  /// The loss to show; NaN leaves it out.
  public var loss: Double
  /// The learning rate; NaN leaves it out.
  public var learningRate: Double
  /// Throughput over all ranks; NaN leaves it out.
  public var samplesPerSecond: Double

  /// A state from its numbers.
  public init(
    step: Int, steps: Int, epoch: Int = 0, epochs: Int = 0, loss: Double = .nan,
    learningRate: Double = .nan, samplesPerSecond: Double = .nan
  ) {
    self.step = step
    self.steps = steps
    self.epoch = epoch
    self.epochs = epochs
    self.loss = loss
    self.learningRate = learningRate
    self.samplesPerSecond = samplesPerSecond
  }

  /// The share of the steps that are done, in `0...1`.
  var share: Double {
    steps > 0 ? min(1, max(0, Double(step) / Double(steps))) : 0
  }
}
