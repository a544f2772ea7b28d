import Datasets
import MPI
import Models

/// How large numbers are that go into linear layers and convolutions and come out of them, on samples shared by all ranks.
final class LayerReach {
  /// Values of the upper and the lower half of a magnitude's bits.
  private static let upper = 1 << 15
  private static let lower = 1 << 16

  private let world: Communicator
  private let model: Model
  private let reference: ReferenceSamples

  /// The reach of `model` over a split.
  init(_ world: Communicator, _ model: Model, _ split: Split) {
    (self.world, self.model) = (world, model)
    reference = ReferenceSamples(world, model, split)
  }

  /// A quantile of the magnitudes that go in and of those that come out: the ⌈q n⌉-th smallest of each n, exactly; collective.
  ///
  /// The upper halves of the bits are counted in a first pass, the lower halves of those that count in a second. Counts are whole
  /// numbers, so the result is the same on any number of ranks.
  ///
  /// - Parameters:
  ///   - share: q.
  ///   - weights: P scalars in canonical order.
  ///   - samples: how many samples are looked at, spread evenly over the split.
  /// - Returns: both for each of the model's codable weights, equal on all ranks.
  /// - Throws: what reading or MPI throw, or ``TrainingError`` for numbers that are not finite.
  /// - Cost: two passes over the samples.
  func quantiles(
    _ share: Double, of weights: UnsafePointer<Float>, samples: Int
  ) throws -> [(input: Float, output: Float)] {
    let sides = 2 * model.codableWeights.count
    let high = try counts(sides, Self.upper, weights, samples) { _, bits in Int(bits >> 16) }
    guard
      (0..<sides).allSatisfy({
        high[($0 + 1) * Self.upper - 128..<($0 + 1) * Self.upper].allSatisfy { $0 == 0 }
      })
    else {
      throw TrainingError(
        .nonFinite, "the network computes a NaN or an infinity on training samples")
    }
    let found = (0..<sides).map { side in
      let own = high[side * Self.upper..<(side + 1) * Self.upper]
      let count = own.reduce(0, +)
      return Self.place(max(1, min(count, Int64((share * Double(count)).rounded(.up)))), in: own)
    }
    let low = try counts(sides, Self.lower, weights, samples) { side, bits in
      Int(bits >> 16) == found[side].value ? Int(bits & 0xFFFF) : nil
    }
    let results = (0..<sides).map { side in
      let rest = Self.place(found[side].rank, in: low[side * Self.lower..<(side + 1) * Self.lower])
      return Float(bitPattern: UInt32(found[side].value) << 16 | UInt32(rest.value))
    }
    return stride(from: 0, to: sides, by: 2).map { (results[$0], results[$0 + 1]) }
  }

  /// The value that the number of a rank has, and its rank among those of that value.
  private static func place(_ rank: Int64, in counts: ArraySlice<Int64>) -> (
    value: Int, rank: Int64
  ) {
    var before: Int64 = 0
    for (value, count) in counts.enumerated() {
      if before + count >= rank { return (value, rank - before) }
      before += count
    }
    return (0, rank)
  }

  /// How often each digit comes, side by side: of a layer first what goes in, then what comes out.
  private func counts(
    _ sides: Int, _ digits: Int, _ weights: UnsafePointer<Float>, _ samples: Int,
    _ digit: @escaping (_ side: Int, _ bits: UInt32) -> Int?
  ) throws -> [Int64] {
    var counts = [Int64](repeating: 0, count: sides * digits)
    func add(_ side: Int, _ values: UnsafePointer<Float>, _ count: Int) {
      for index in 0..<count {
        guard let digit = digit(side, values[index].bitPattern & 0x7FFF_FFFF) else { continue }
        counts[side * digits + digit] += 1
      }
    }
    try withoutActuallyEscaping(add) { add in
      model.watchInputs { add(2 * $0, $1, $2) }
      model.watchOutputs { add(2 * $0 + 1, $1, $2) }
      defer {
        model.watchInputs(nil)
        model.watchOutputs(nil)
      }
      try reference.evaluate(weights, samples: samples)
    }
    try world.allReduce(&counts, by: .sum)
    return counts
  }
}
