import CKernels
import Glibc

/// Philox4x32-10: four random words as a pure function of a counter and a key.
///
/// Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
public enum Philox4x32 {
  /// Four 32-bit words.
  public typealias Words = (UInt32, UInt32, UInt32, UInt32)

  /// The words of one counter.
  public static func block(counter: Words, key: (UInt32, UInt32)) -> Words {
    var counter = counter
    var key = key
    var output: Words = (0, 0, 0, 0)
    withUnsafeBytes(of: &counter) { counter in
      withUnsafeBytes(of: &key) { key in
        withUnsafeMutableBytes(of: &output) { output in
          guard let counter = counter.bindMemory(to: UInt32.self).baseAddress,
            let key = key.bindMemory(to: UInt32.self).baseAddress,
            let output = output.bindMemory(to: UInt32.self).baseAddress
          else { return }
          CKernels_philox(counter, key, output)
        }
      }
    }
    return output
  }
}

/// What random numbers are for; numbers of different purposes never meet.
public enum RandomPurpose: UInt32, Sendable {
  /// Initial parameters.
  case initialization = 1
  /// The order of samples.
  case shuffle = 2
  /// Dropout.
  case dropout = 3
  /// Assigning samples to splits.
  case split = 4
  /// Drawing synthetic data.
  case synthesis = 5
  /// Changing samples on the way to the model.
  case augmentation = 6
  /// Leaving modalities out of samples.
  case modalityDropout = 7
}

/// FNV-1a over the UTF-8 form of `path`: the part of a counter that tells call sites apart.
public func pathHash(_ path: String) -> UInt32 {
  path.utf8.reduce(2_166_136_261) { ($0 ^ UInt32($1)) &* 16_777_619 }
}

/// A stream of random numbers in which any number can be had without the ones before it.
public struct CounterRandom: Sendable {
  private let key: (UInt32, UInt32)
  private let stream: UInt32
  private let substream: UInt32

  /// A stream for a seed, a purpose and two free numbers.
  ///
  /// - Parameters:
  ///   - seed: the run's seed.
  ///   - purpose: what the numbers are for.
  ///   - stream: for example a ``pathHash(_:)``.
  ///   - substream: for example an epoch or a sample number.
  public init(seed: UInt64, purpose: RandomPurpose, stream: UInt32 = 0, substream: UInt32 = 0) {
    key = (
      UInt32(truncatingIfNeeded: seed),
      UInt32(truncatingIfNeeded: seed >> 32) ^ (purpose.rawValue &* 0x9E37_79B9)
    )
    self.stream = stream
    self.substream = substream
  }

  /// 32 random bits.
  public func bits(at index: Int) -> UInt32 {
    let words = block(index / 4)
    switch index % 4 {
    case 0: return words.0
    case 1: return words.1
    case 2: return words.2
    default: return words.3
    }
  }

  /// A number in `0 ..< 1` with 24 random bits.
  public func uniform(at index: Int) -> Float {
    Float(bits(at: index) >> 8) * 0x1p-24
  }

  /// A normal number with mean 0 and deviation 1 (Box and Muller 1958, in Float64).
  public func normal(at index: Int) -> Float {
    let words = block(index)
    let u = (Double(words.0) + 1) * 0x1p-32
    let v = Double(words.1) * 0x1p-32
    return Float((-2 * log(u)).squareRoot() * cos(2 * Double.pi * v))
  }

  private func block(_ index: Int) -> Philox4x32.Words {
    Philox4x32.block(
      counter: (
        UInt32(truncatingIfNeeded: index), UInt32(truncatingIfNeeded: index >> 32), stream,
        substream
      ), key: key)
  }
}
