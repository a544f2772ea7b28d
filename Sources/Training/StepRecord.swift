/// What one optimizer step came to; equal on every rank.
public struct StepRecord: Sendable {
  /// The step, from 0.
  public var step: Int
  /// The pass over the training split, from 0.
  public var epoch: Int
  /// The weighted mean loss over the global batch, before the update.
  public var loss: Double
  /// The learning rate used.
  public var learningRate: Double
  /// The L2 norm of the global gradient before clipping.
  public var gradientNorm: Double
  /// Samples in the global batch.
  public var samples: Int
  /// Whether the update was left out because of a NaN or infinity.
  public var skipped: Bool
}
