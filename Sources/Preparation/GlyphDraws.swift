import Glibc
import Tensors

/// The random numbers of one part of one drawn sample, each a function of its index alone.
struct GlyphDraws {
  private let key: (UInt32, UInt32)
  private let sample: UInt64
  private let stream: UInt32

  /// Numbers that depend on nothing but these.
  ///
  /// - Parameters:
  ///   - seed: of the source.
  ///   - sample: the sample's number in the endless series.
  ///   - part: which part of the sample is drawn.
  init(seed: UInt64, sample: Int, part: GlyphPart) {
    key = philoxKey(seed, .synthesis)
    self.sample = UInt64(sample)
    stream = part.stream
  }

  private func block(_ index: Int) -> (UInt32, UInt32, UInt32, UInt32) {
    Philox4x32.block(
      counter: (
        UInt32(index), UInt32(truncatingIfNeeded: sample), UInt32(truncatingIfNeeded: sample >> 32),
        stream
      ), key: key)
  }

  /// A number in the open interval (0, 1).
  func uniform(_ index: Int) -> Double { (Double(block(index).0) + 0.5) / 4_294_967_296 }

  /// A number in the open interval (low, high).
  func uniform(_ index: Int, _ low: Double, _ high: Double) -> Double {
    low + (high - low) * uniform(index)
  }

  /// A number of the standard normal distribution, by Box and Muller's formula.
  func normal(_ index: Int) -> Double {
    let words = block(index)
    let first = (Double(words.0) + 0.5) / 4_294_967_296
    let second = (Double(words.1) + 0.5) / 4_294_967_296
    return (-2 * log(first)).squareRoot() * cos(2 * .pi * second)
  }
}

/// The key of a seed for one purpose, as ``CounterRandom`` makes it.
func philoxKey(_ seed: UInt64, _ purpose: RandomPurpose) -> (UInt32, UInt32) {
  (
    UInt32(truncatingIfNeeded: seed),
    UInt32(truncatingIfNeeded: seed >> 32) ^ (purpose.rawValue &* 0x9e37_79b9)
  )
}

/// The parts of a drawn sample.
enum GlyphPart: String, CaseIterable {
  case image
  case sound
  case table
  case label

  /// Tells the random numbers of one part from those of another.
  var stream: UInt32 {
    switch self {
    case .label: 0
    case .image: 1
    case .sound: 2
    case .table: 3
    }
  }
}
