/// What one layer of a compiled model is and costs.
public struct LayerSummary: Sendable, Equatable {
  /// The dotted path, for example `modalities.image.0`.
  public let path: String
  /// The layer's name in the configuration, for example `conv`.
  public let kind: String
  /// The extents of its output for one sample.
  public let outputShape: [Int]
  /// The most scalars, or ids, that it reads of one sample, and writes.
  public let inputCount, outputCount: Int
  /// Whether its backward pass makes a gradient of its input; the first layers' pass makes none.
  public let returnsGradient: Bool
  /// Scalars of its own slots, trainable and statistic; the layers inside are listed by themselves.
  public let parameterCount: Int
  /// Multiply-add pairs of its forward pass for one sample; 0 for memory-bound layers.
  public let multiplyAddsPerSample: Int
  /// Bytes reserved for its output and tape at full capacity.
  public let arenaBytes: Int
  /// Whether a training pass computes its forward pass twice, to keep less of it.
  public internal(set) var isComputedAgain = false

  /// Floating-point operations of a training pass for one sample: three times the forward pass, or four times.
  public var operationsPerSample: Int { 2 * (isComputedAgain ? 4 : 3) * multiplyAddsPerSample }
}
