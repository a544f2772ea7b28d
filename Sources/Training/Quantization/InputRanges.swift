import Datasets
import Exchange
import MPI
import Models
import Tensors

/// Finds what range of values enters every linear layer and convolution, on samples shared by all ranks.
///
/// First the least and the largest value, then counts of values in even bins between them. Both come out the same on any
/// number of ranks, since microbatches are fixed and counts are whole numbers.
final class InputRanges {
  private static let bins = 4096

  private let world: Communicator
  private let model: Model
  private let reference: ReferenceSamples

  /// Ranges of `model` over a split.
  init(_ world: Communicator, _ model: Model, _ split: Split) {
    (self.world, self.model) = (world, model)
    reference = ReferenceSamples(world, model, split)
  }

  /// Codes that cover what was seen; collective.
  ///
  /// - Parameters:
  ///   - weights: P scalars in canonical order.
  ///   - samples: how many samples are looked at, spread evenly over the split.
  ///   - coverage: the share of values that is covered, half of the rest beyond either end.
  /// - Returns: one code for each of the model's codable weights, equal on all ranks.
  /// - Throws: what reading or MPI throw, or ``TrainingError`` for inputs that are not finite.
  /// - Cost: two passes over the samples.
  func codes(
    of weights: UnsafePointer<Float>, samples: Int, coverage: Double
  ) throws -> [AffineCode] {
    let layers = model.codableWeights.count
    var least = [Float](repeating: 0, count: layers)
    var most = [Float](repeating: 0, count: layers)
    var isFinite = true
    try forEachBatch(samples, weights) { layer, values, count in
      for index in 0..<count {
        isFinite = isFinite && values[index].isFinite
        least[layer] = min(least[layer], values[index])
        most[layer] = max(most[layer], values[index])
      }
    }
    try world.agree {
      guard !isFinite else { return }
      throw TrainingError(
        .nonFinite, "the network computes a NaN or an infinity on training samples")
    }
    try world.allReduce(&least, by: .minimum)
    try world.allReduce(&most, by: .maximum)
    guard coverage < 1 else { return zip(least, most).map { AffineCode(from: $0, to: $1) } }
    var counts = [Int64](repeating: 0, count: layers * Self.bins)
    try forEachBatch(samples, weights) { layer, values, count in
      let width = (most[layer] - least[layer]) / Float(Self.bins)
      guard width > 0 else { return }
      for index in 0..<count {
        let bin = Int((values[index] - least[layer]) / width)
        counts[layer * Self.bins + max(0, min(Self.bins - 1, bin))] += 1
      }
    }
    try world.allReduce(&counts, by: .sum)
    return (0..<layers).map { layer in
      let own = counts[layer * Self.bins..<(layer + 1) * Self.bins]
      let beyond = Int64((Double(own.reduce(0, +)) * (1 - coverage) / 2).rounded(.down))
      let width = (most[layer] - least[layer]) / Float(Self.bins)
      let low = Self.skipped(own, beyond)
      let high = Self.skipped(own.reversed(), beyond)
      return AffineCode(
        from: least[layer] + width * Float(low), to: most[layer] - width * Float(high))
    }
  }

  /// Bins that together hold no more than so many values.
  private static func skipped(_ counts: some Sequence<Int64>, _ most: Int64) -> Int {
    var (sum, bins) = (Int64(0), 0)
    for count in counts {
      sum += count
      guard sum <= most else { break }
      bins += 1
    }
    return bins
  }

  /// Runs the model over this rank's microbatches, and shows what enters its layers.
  private func forEachBatch(
    _ samples: Int, _ weights: UnsafePointer<Float>,
    _ body: @escaping (_ layer: Int, _ values: UnsafePointer<Float>, _ count: Int) -> Void
  ) throws {
    model.watchInputs(body)
    defer { model.watchInputs(nil) }
    try reference.evaluate(weights, samples: samples)
  }
}
