/// What the random numbers of one layer in one pass are keyed by: never by how many were drawn before.
public struct PassRandom {
  /// The run's seed.
  public let seed: UInt64
  /// The ``pathHash(_:)`` of the layer's path.
  public let path: UInt32
  /// The optimizer step.
  public let step: Int
  /// Each sample's number in its split.
  public let sampleNumbers: UnsafePointer<Int64>

  /// A key from its parts.
  public init(seed: UInt64, path: UInt32, step: Int, sampleNumbers: UnsafePointer<Int64>) {
    self.seed = seed
    self.path = path
    self.step = step
    self.sampleNumbers = sampleNumbers
  }

  /// The numbers of one sample for augmentation.
  func draws(ofSample index: Int) -> SampleDraws { SampleDraws(self, sample: index) }
}

/// A sample's own sequence of random numbers, for augmentation.
///
/// Number k is word k mod 4 of Philox(counter (k / 4, sample number, path, step)), the key being that of
/// ``RandomPurpose/augmentation``.
struct SampleDraws {
  private let random: CounterRandom
  private let base: Int
  private var next = 0

  init(_ key: PassRandom, sample: Int) {
    random = CounterRandom(
      seed: key.seed, purpose: .augmentation, stream: key.path,
      substream: UInt32(truncatingIfNeeded: key.step))
    // The second word of the counter begins at index 2^34: four numbers a counter.
    base = Int(UInt32(truncatingIfNeeded: key.sampleNumbers[sample])) << 34
  }

  /// A number in `0 ..< 1` with 24 random bits.
  mutating func uniform() -> Float {
    defer { next += 1 }
    return random.uniform(at: base + next)
  }

  /// An integer in `0 ..< limit`, which is at least 1: the high half of a product of 32 bits each.
  mutating func integer(below limit: Int) -> Int {
    defer { next += 1 }
    return (Int(random.bits(at: base + next)) * limit) >> 32
  }
}
