import Buffers
import MPI

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
    for stretch in stretches where kept.isSound { keep(range, of: stretch, in: &kept) }
    return kept
  }

  private func keep(
    _ range: ClosedRange<UInt32>, of stretch: ScoreStretch, in kept: inout KeptScores
  ) {
    typealias Keys = SIMD16<Int32>
    let (scores, count) = (stretch.bits, stretch.range.count)
    let magnitude = Keys(repeating: Int32(bitPattern: Self.magnitude))
    let first = Keys(repeating: Int32(range.lowerBound))
    let last = Keys(repeating: Int32(range.upperBound))
    var (below, index) = (Keys.zero, 0)
    // NaN and infinity stay in a sum, and cost less to find there than in a comparison.
    var sums = SIMD16<Float>.zero
    while index + 16 <= count {
      let place = scores + 4 * index
      let keys = place.loadUnaligned(as: Keys.self) & magnitude
      sums += unsafeBitCast(keys, to: SIMD16<Float>.self)
      let isBelow = keys .< first
      below &-= unsafeBitCast(isBelow, to: Keys.self)
      if any((keys .<= last) .& .!isBelow) {
        guard kept.count + 16 <= kept.room.count else {
          kept.isSound = false
          return
        }
        take(16, from: place, range, into: &kept)
      }
      index += 16
    }
    for lane in 0..<16 { kept.below += Int(below[lane]) }
    kept.isSound = kept.isSound && sums.sum().isFinite && kept.count + 16 <= kept.room.count
    guard kept.isSound else { return }
    take(count - index, from: scores + 4 * index, range, into: &kept)
    while index < count {
      let key = stretch.base[index].bitPattern & Self.magnitude
      kept.isSound = kept.isSound && key < Float.infinity.bitPattern
      if key < range.lowerBound { kept.below += 1 }
      index += 1
    }
  }

  /// Keeps those of a few scores that lie in a range, without a branch for each.
  @inline(__always)
  private func take(
    _ count: Int, from scores: UnsafeRawPointer, _ range: ClosedRange<UInt32>,
    into kept: inout KeptScores
  ) {
    let width = range.upperBound - range.lowerBound
    for lane in 0..<count {
      let key = scores.load(fromByteOffset: 4 * lane, as: UInt32.self) & Self.magnitude
      kept.room.base[kept.count] = key
      kept.count += key &- range.lowerBound <= width ? 1 : 0
    }
  }
}
