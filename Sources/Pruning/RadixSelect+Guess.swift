import Buffers
import MPI
import Tensors

/// Scores within a range, and how many lie below it.
struct KeptScores: ~Copyable {
  /// Scores of this rank below the range.
  var below = 0
  /// Scores within.
  var count = 0
  /// False where one is NaN or infinite, or where there was no room for all.
  var isSound = true
  let room: HostBuffer<UInt32>

  /// Nothing kept yet.
  init(capacity: Int) { room = HostBuffer(count: capacity) }

  /// Lends the kept scores as a stretch, whose places mean nothing.
  func withStretch<Result>(_ body: (_ stretch: ScoreStretch) throws -> Result) rethrows -> Result {
    let bits = UnsafeRawPointer(room.base).assumingMemoryBound(to: Float.self)
    return try body(ScoreStretch(range: 0..<count, base: bits))
  }
}

extension RadixSelect {
  /// One score in so many is looked at, an odd number so that no column of a matrix is favoured.
  private static let stride = 509
  /// Standard deviations of the rank in a sample that a range spans on both sides.
  private static let width = 4.0

  /// A range of keys that most likely holds the `wanted`th score of all ranks; nil where it does not pay.
  func guessRange(
    around wanted: Int, of stretches: [ScoreStretch]
  ) throws -> ClosedRange<UInt32>? {
    let own = stretches.reduce(0) { $0 + $1.range.count }
    let all = Int(try world.allReduce(Int64(own), by: .sum))
    guard all >= guessedFrom, all > 0 else { return nil }
    var sample: [Float] = []
    for stretch in stretches {
      for index in Swift.stride(from: 0, to: stretch.range.count, by: Self.stride) {
        sample.append(stretch.base[index])
      }
    }
    let counts = try sample.withUnsafeBufferPointer { part in
      try countHigh(
        part.baseAddress.map { [ScoreStretch(range: 0..<part.count, base: $0)] } ?? [])
    }
    let size = Double(counts.reduce(0, +))
    let share = min(1, Double(wanted) / Double(all))
    let margin = Self.width * (size * share * (1 - share)).squareRoot() + 2
    func bin(of rank: Double) -> Int {
      var before = 0.0
      for (bin, count) in counts.enumerated() where count > 0 {
        before += Double(count)
        if before >= rank { return bin }
      }
      return Self.highBins - 1
    }
    let (first, last) = (bin(of: size * share - margin), bin(of: size * share + margin))
    return UInt32(first) << Self.lowBits...UInt32(last) << Self.lowBits | UInt32(Self.lowBins - 1)
  }

  /// Keeps this rank's scores in a range of keys, and counts those below it.
  func keep(_ range: ClosedRange<UInt32>, of stretches: [ScoreStretch]) -> KeptScores {
    let own = stretches.reduce(0) { $0 + $1.range.count }
    var kept = KeptScores(capacity: own / 8 + 4096)
    for stretch in stretches where kept.isSound {
      let found = Kernels.keepMagnitudes(
        count: stretch.range.count, values: stretch.base, in: range,
        kept: kept.room.base + kept.count, room: kept.room.count - kept.count, below: &kept.below)
      if let found { kept.count += found } else { kept.isSound = false }
    }
    return kept
  }
}
