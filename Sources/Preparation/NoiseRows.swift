import Configuration
import Tensors

/// Random numbers of a shape; sample n depends on the source's name, its seed and n alone.
struct NoiseRows: RawRows {
  private let source: NoiseSource
  private let stream: UInt32

  /// The samples of a source.
  ///
  /// - Parameters:
  ///   - source: what is drawn.
  ///   - name: the source's name, which tells its numbers from those of others.
  init(_ source: NoiseSource, name: String) {
    self.source = source
    stream = pathHash(name)
  }

  var rows: Int { source.samples }
  var rowShape: [Int] { source.shape }
  var element: RawElement { source.below == nil ? .float32 : .int64 }

  func place(_ row: Int) -> String { "synthetic noise, sample \(source.first + row)" }

  func copy(_ row: Int, into target: UnsafeMutableRawPointer) {
    let random = CounterRandom(
      seed: source.seed, purpose: .synthesis, stream: stream,
      substream: UInt32(truncatingIfNeeded: source.first + row))
    if let below = source.below {
      let numbers = target.assumingMemoryBound(to: Int64.self)
      for index in 0..<scalarsPerRow {
        // The high half of a product is even enough: no number is more than below / 2^32 too frequent.
        numbers[index] = Int64((UInt64(random.bits(at: index)) * UInt64(below)) >> 32)
      }
    } else {
      let numbers = target.assumingMemoryBound(to: Float.self)
      for index in 0..<scalarsPerRow { numbers[index] = random.normal(at: index) }
    }
  }
}
