import Tensors

/// A negative for every sample: another sample whose item the sample's user does not have.
///
/// Items are drawn with equal probabilities, by rejection from those of the split, as a function of (seed,
/// epoch, place of the sample); then one of the samples with that item. Of a user who has every item a sample
/// is its own negative, from which nothing is learnt.
///
/// - Cost: about 40 bytes per sample.
public struct NegativeDraw: Sendable, Equatable {
  /// S.
  public let count: Int
  /// The fields that a negative has from the sample before it.
  let kept: [String]
  private let users: [Int]
  /// Sample numbers, item after item.
  private let samples: [Int]
  /// The items in rising order.
  private let items: [Int]
  /// Where each item begins in `samples`, and the end.
  private let starts: [Int]
  /// The pairs of the split.
  private let pairs: Set<Pair>

  private struct Pair: Hashable {
    let user, item: Int
  }

  /// Draws before all items are gone through one by one.
  private static let attempts = 64
  private static let stream = pathHash("data.sampling.negatives")

  /// Sorts the samples by item.
  ///
  /// - Parameters:
  ///   - users: each sample's user, at least one sample.
  ///   - items: each sample's item.
  ///   - kept: the fields that a negative has from the sample before it, the user's among them.
  public init(users: [Int], items: [Int], kept: [String]) {
    precondition(users.count == items.count && !users.isEmpty, "\(users.count) samples")
    count = users.count
    self.kept = kept
    self.users = users
    pairs = Set(zip(users, items).map { Pair(user: $0, item: $1) })
    let samples = items.indices.sorted { (items[$0], $0) < (items[$1], $1) }
    let changes = samples.indices.filter {
      $0 == 0 || items[samples[$0]] != items[samples[$0 - 1]]
    }
    starts = changes + [samples.count]
    self.samples = samples
    self.items = changes.map { items[samples[$0]] }
  }

  /// The negative of a sample.
  ///
  /// - Parameters:
  ///   - sample: its number in the split.
  ///   - place: its place in the epoch.
  ///   - epoch: from 0.
  ///   - seed: the run's seed.
  /// - Returns: the number of a sample.
  func negative(of sample: Int, at place: Int, epoch: Int, seed: UInt64) -> Int {
    let random = CounterRandom(
      seed: seed, purpose: .shuffle, stream: Self.stream,
      substream: UInt32(truncatingIfNeeded: epoch))
    let first = 2 * Self.attempts * place
    for attempt in 0..<Self.attempts {
      let item = Self.choice(random.bits(at: first + 2 * attempt), of: items.count)
      guard !has(users[sample], item) else { continue }
      let others = starts[item]..<starts[item + 1]
      let bits = random.bits(at: first + 2 * attempt + 1)
      return samples[others.lowerBound + Self.choice(bits, of: others.count)]
    }
    let start = Self.choice(random.bits(at: first), of: items.count)
    for step in items.indices {
      let item = (start + step) % items.count
      if !has(users[sample], item) { return samples[starts[item]] }
    }
    return sample
  }

  private func has(_ user: Int, _ item: Int) -> Bool {
    pairs.contains(Pair(user: user, item: items[item]))
  }

  /// One of `count` by 32 random bits.
  private static func choice(_ bits: UInt32, of count: Int) -> Int {
    // A shift binds more strongly than a product.
    Int((UInt64(bits) * UInt64(count)) >> 32)
  }
}
