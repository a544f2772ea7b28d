import Buffers
import Glibc
import Tensors

/// The pairs of a global batch, or of a split, and the contrast between them.
///
/// With unit vectors a and b of n pairs and scores `z_ij = s a_i · b_j`, the loss is the mean over i of
/// half the cross-entropy of row i with the correction c, `log Σ_j exp(z_ij − c_j) − (z_ii − c_i)`, and
/// half that of column i without it. Pairs of equal identity are no negatives of each other.
///
/// Scores are computed tile by tile, own rows against ``blockColumns`` candidates at a time, so memory
/// grows with n and not with n². The bits for a run of pairs depend on the run and the batch alone: who
/// computes which run does not matter.
public final class ContrastiveBatch {
  /// Candidates of one tile.
  public static let blockColumns = 512

  /// n: pairs at present.
  public private(set) var count = 0
  /// d: numbers of a vector.
  public let width: Int
  /// The most pairs.
  public let capacity: Int
  /// The most pairs that one call works on.
  public let rows: Int

  private let vectors: [Vectors]
  private let identities: HostBuffer<Int64>
  private let corrections: HostBuffer<Float>
  private let zeros: HostBuffer<Float>
  private let scores: HostBuffer<Float>
  private let scratch: HostBuffer<Float>
  private let diagonal: HostBuffer<Float>
  private let states: HostBuffer<Double>
  private let masks: Bool

  /// The vectors of one side, and what their softmax over the other side's comes to.
  private final class Vectors {
    let values: HostBuffer<Float>
    let logSums: HostBuffer<Float>

    init(_ capacity: Int, _ width: Int) {
      values = HostBuffer(count: capacity * width)
      logSums = HostBuffer(count: capacity)
    }
  }

  /// What a run of pairs adds to the sums over the batch.
  public struct Sums: Sendable, Equatable {
    /// Σ of the losses.
    public var loss = 0.0
    /// Σ of the losses' derivatives by t, the logarithm of the scale.
    public var slope = 0.0
    /// First vectors whose partner is the best, and among the best five; then second ones.
    public var hits = SIMD4<Int>()
  }

  /// An empty batch.
  ///
  /// - Parameters:
  ///   - capacity: the most pairs.
  ///   - width: d.
  ///   - rows: the most pairs that are worked on at a time.
  ///   - masks: whether identities count.
  public init(capacity: Int, width: Int, rows: Int, masks: Bool) {
    (self.capacity, self.width, self.rows, self.masks) = (capacity, width, rows, masks)
    vectors = [Vectors(capacity, width), Vectors(capacity, width)]
    identities = HostBuffer(count: masks ? capacity : 0)
    corrections = HostBuffer(count: capacity)
    zeros = HostBuffer(count: Self.blockColumns)
    scores = HostBuffer(count: rows * max(Self.blockColumns, rows))
    scratch = HostBuffer(count: Self.blockColumns)
    diagonal = HostBuffer(count: rows)
    states = HostBuffer(count: 3 * rows)
  }

  /// Forgets all pairs.
  public func removeAll() { count = 0 }

  /// Adds a pair; its number is ``count`` before.
  ///
  /// - Parameters:
  ///   - first: d numbers.
  ///   - second: d numbers.
  ///   - identity: pairs of one identity are no negatives of each other.
  ///   - correction: c, taken from the scores of the second vector as a candidate.
  public func append(
    first: UnsafePointer<Float>, second: UnsafePointer<Float>, identity: Int64, correction: Float
  ) {
    precondition(count < capacity, "a batch of more than \(capacity) pairs")
    (vectors[0].values.base + count * width).update(from: first, count: width)
    (vectors[1].values.base + count * width).update(from: second, count: width)
    if masks { identities[count] = identity }
    corrections[count] = correction
    count += 1
  }

  /// The log sums of a pair's row and column, as ``measure(_:scale:hits:)`` found them.
  public func logSums(_ pair: Int) -> (row: Float, column: Float) {
    (vectors[0].logSums[pair], vectors[1].logSums[pair])
  }

  /// Notes the log sums of a pair that another rank measured.
  public func setLogSums(_ pair: Int, row: Float, column: Float) {
    vectors[0].logSums[pair] = row
    vectors[1].logSums[pair] = column
  }

  /// Losses of a run of pairs, and their log sums.
  ///
  /// - Parameters:
  ///   - own: the pairs, at most ``rows``.
  ///   - scale: s.
  ///   - hits: whether to count whose partner is among the best.
  /// - Returns: the sums. A candidate that scores as high as the partner counts as better.
  /// - Cost: 4 own · n · d floating-point operations, and 2 own · n exponentials.
  public func measure(_ own: Range<Int>, scale: Double, hits: Bool = false) -> Sums {
    var sums = Sums()
    guard !own.isEmpty else { return sums }
    for side in 0..<2 {
      measure(own, side: side, scale: Float(scale), hits: hits, &sums)
      for row in 0..<own.count {
        let state = states.base + 3 * row
        let logSum = log(state[1]) + state[0]
        let pair = own.lowerBound + row
        vectors[side].logSums[pair] = Float(logSum)
        let score = Double(diagonal[row])
        let correction = side == 0 ? Double(corrections[pair]) : 0
        sums.loss += 0.5 * (logSum - (score - correction))
        sums.slope += 0.5 * (state[2] / state[1] - score)
      }
    }
    return sums
  }

  /// The gradient of the loss by the vectors of a run of pairs, all log sums being known.
  ///
  /// - Parameters:
  ///   - own: the pairs, at most ``rows``.
  ///   - scale: s.
  ///   - factor: what the sum of losses over the batch is multiplied by: weight / n.
  ///   - first: receives `[own, d]`.
  ///   - second: receives `[own, d]`.
  /// - Cost: 8 own · n · d floating-point operations, and 4 own · n exponentials.
  public func gradient(
    _ own: Range<Int>, scale: Double, factor: Double, first: UnsafeMutablePointer<Float>,
    second: UnsafeMutablePointer<Float>
  ) {
    precondition(own.count <= rows, "a run of more than \(rows) pairs")
    for side in 0..<2 {
      let output = side == 0 ? first : second
      output.update(repeating: 0, count: own.count * width)
      forEachBlock(own, side: side, scale: Float(scale)) { columns in
        turn(own, columns, side: side)
        Kernels.addWeightedSums(
          rows: own.count, columns: columns.count, width: width,
          factor: Float(0.5 * factor * scale), weights: scores.base,
          vectors: vectors[1 - side].values.base + columns.lowerBound * width, output: output)
      }
    }
  }
}

extension ContrastiveBatch {
  /// Computes the scores of `own` rows of a side against one block of the other side after the other.
  private func forEachBlock(
    _ own: Range<Int>, side: Int, scale: Float, _ body: (_ columns: Range<Int>) -> Void
  ) {
    for start in stride(from: 0, to: count, by: Self.blockColumns) {
      let columns = start..<min(count, start + Self.blockColumns)
      computeScores(own, columns, side: side, scale: scale)
      if masks { mask(own, columns) }
      body(columns)
    }
  }

  private func computeScores(_ own: Range<Int>, _ columns: Range<Int>, side: Int, scale: Float) {
    Kernels.similarities(
      rows: own.count, columns: columns.count, width: width, scale: scale,
      first: vectors[side].values.base + own.lowerBound * width,
      second: vectors[1 - side].values.base + columns.lowerBound * width, scores: scores.base)
  }

  /// Takes out candidates that are the same as a row's partner.
  private func mask(_ own: Range<Int>, _ columns: Range<Int>) {
    for (row, pair) in own.enumerated() {
      let line = scores.base + row * columns.count
      for (column, other) in columns.enumerated()
      where identities[other] == identities[pair] && other != pair {
        line[column] = -.infinity
      }
    }
  }

  /// The corrections of candidates on the other side of `side`; only second vectors have any.
  private func corrections(_ columns: Range<Int>, side: Int) -> UnsafePointer<Float> {
    UnsafePointer(side == 0 ? corrections.base + columns.lowerBound : zeros.base)
  }

  private func measure(
    _ own: Range<Int>, side: Int, scale: Float, hits: Bool, _ sums: inout Sums
  ) {
    precondition(own.count <= rows, "a run of more than \(rows) pairs")
    computeScores(own, own, side: side, scale: scale)
    for row in 0..<own.count {
      diagonal[row] = scores[row * own.count + row]
      let state = states.base + 3 * row
      (state[0], state[1], state[2]) = (-.infinity, 0, 0)
    }
    var better = hits ? [Int](repeating: 0, count: own.count) : []
    forEachBlock(own, side: side, scale: scale) { columns in
      for (row, pair) in own.enumerated() {
        let line = scores.base + row * columns.count
        if hits { better[row] += beaten(pair, columns, line, diagonal[row]) }
        Kernels.candidateSums(
          columns: columns.count, corrections: corrections(columns, side: side), scores: line,
          scratch: scratch.base, state: states.base + 3 * row)
      }
    }
    guard hits else { return }
    for place in better {
      if place < 1 { sums.hits[2 * side] += 1 }
      if place < 5 { sums.hits[2 * side + 1] += 1 }
    }
  }

  /// Candidates of a block that score at least as high as the partner; all, where that is no number.
  private func beaten(
    _ pair: Int, _ columns: Range<Int>, _ line: UnsafePointer<Float>, _ score: Float
  ) -> Int {
    var count = 0
    for (column, other) in columns.enumerated() where other != pair && !(line[column] < score) {
      count += 1
    }
    return count
  }

  /// Scores become the derivatives of twice the sum of losses by them.
  private func turn(_ own: Range<Int>, _ columns: Range<Int>, side: Int) {
    for (row, pair) in own.enumerated() {
      let line = scores.base + row * columns.count
      // A first row meets corrections along its row, a second one in the columns it stands in.
      Kernels.candidateProbabilities(
        columns: columns.count, corrections: corrections(columns, side: side),
        logSum: vectors[side].logSums[pair], correction: side == 0 ? 0 : corrections[pair],
        logSums: vectors[1 - side].logSums.base + columns.lowerBound, scores: line)
      if columns.contains(pair) { line[pair - columns.lowerBound] -= 2 }
    }
  }
}
