/// The samples of a packed batch from the longest to the shortest, as a recurrence takes them.
///
/// In this order the samples that still run at any step are the first ones, so what belongs to them
/// lies densely. Samples of one length keep their order, which makes the order a function of the
/// lengths alone. A view of memory that somebody else owns.
public struct SequenceOrder {
  /// n: the number of samples, empty ones included.
  public let samples: Int
  /// True if each sample is taken from its last row to its first.
  public let isReversed: Bool
  /// Sample i owns the packed rows `offsets[i] ..< offsets[i + 1]`.
  let offsets: UnsafePointer<Int>
  /// The number of the j-th longest sample.
  let order: UnsafeMutablePointer<Int>
  /// The row that the j-th longest sample begins with.
  let starts: UnsafeMutablePointer<Int>

  /// How many integers of memory an order needs.
  ///
  /// - Parameter samples: n.
  /// - Returns: 2 n.
  public static func count(samples: Int) -> Int { 2 * samples }

  /// Sorts the samples of a packed batch; about n log n comparisons, nothing allocated.
  ///
  /// - Parameters:
  ///   - samples: n.
  ///   - offsets: n + 1 numbers that do not decrease, the first of them 0; kept.
  ///   - reversed: true to take each sample from its last row to its first.
  ///   - memory: ``count(samples:)`` integers, overwritten and kept.
  public init(
    samples: Int, offsets: UnsafePointer<Int>, reversed: Bool = false,
    memory: UnsafeMutablePointer<Int>
  ) {
    self.samples = samples
    self.offsets = offsets
    isReversed = reversed
    (order, starts) = (memory, memory + samples)
    for index in 0..<samples { order[index] = index }
    sort()
    for place in 0..<samples {
      let sample = order[place]
      starts[place] = reversed ? offsets[sample + 1] - 1 : offsets[sample]
    }
  }

  /// All rows of the batch.
  public var rows: Int { offsets[samples] }
  /// The steps of the longest sample.
  public var steps: Int { samples > 0 ? length(0) : 0 }

  /// The number of the j-th longest sample.
  public func sample(_ place: Int) -> Int { order[place] }

  /// From one row of a sample to the next one taken.
  var direction: Int { isReversed ? -1 : 1 }

  /// The steps of the j-th longest sample.
  func length(_ place: Int) -> Int { offsets[order[place] + 1] - offsets[order[place]] }

  /// Shell's sort with the gaps of Ciura (2001): in place, and stable since no two keys are equal.
  private func sort() {
    for gap in [1_750, 701, 301, 132, 57, 23, 10, 4, 1] where gap < samples {
      for place in gap..<samples {
        let moved = order[place]
        var hole = place
        while hole >= gap, precedes(moved, order[hole - gap]) {
          order[hole] = order[hole - gap]
          hole -= gap
        }
        order[hole] = moved
      }
    }
  }

  private func precedes(_ a: Int, _ b: Int) -> Bool {
    let (first, second) = (offsets[a + 1] - offsets[a], offsets[b + 1] - offsets[b])
    return first != second ? first > second : a < b
  }
}
