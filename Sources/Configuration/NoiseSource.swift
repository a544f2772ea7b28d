/// Random numbers of any shape: `{synthetic: noise, samples: S, shape: [56, 56, 3], below: none, seed: 0, first: 0}`.
///
/// They teach a model nothing; speed is measured on them. Sources of different names are independent.
public struct NoiseSource: Sendable, Equatable {
  /// `shape`: the extents of one sample; default `[]`, a single number.
  public var shape: [Int]
  /// `below`: int64 drawn evenly from `0 ..< below`; nil: float32 of the standard normal distribution.
  public var below: Int?
  /// `samples`: how many are drawn.
  public var samples: Int
  /// `seed`: keys the draws; default 0.
  public var seed: UInt64
  /// `first`: the number of the first sample in the endless series; default 0.
  public var first: Int

  /// The most numbers in one sample.
  public static let mostNumbers = 1 << 24

  /// A source from its parts.
  public init(shape: [Int] = [], below: Int? = nil, samples: Int, seed: UInt64 = 0, first: Int = 0)
  {
    self.shape = shape
    self.below = below
    self.samples = samples
    self.seed = seed
    self.first = first
  }
}
