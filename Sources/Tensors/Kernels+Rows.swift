import CKernels
import Synchronization

extension Kernels {
  /// `y[r, :] = table[ids[r], :]`; ids must be checked by the caller.
  ///
  /// Rows of y lie `stride` floats apart.
  public static func embeddingForward(
    rows: Int, size: Int, ids: UnsafePointer<Int64>, table values: ConstantFloats, output: Floats,
    stride: Int
  ) {
    split(rows, work: 2 * rows * size) { range in
      table.pointee.embeddingForward(
        Int64(range.count), Int64(size), ids + range.lowerBound, values,
        output + range.lowerBound * stride, Int64(stride))
    }
  }

  /// `dTable[ids[r], :] += dy[r, :]` in row order, from zero; ids must be checked by the caller.
  ///
  /// Rows of dy lie `stride` floats apart.
  public static func embeddingBackward(
    rows: Int, size: Int, vocabulary: Int, ids: UnsafePointer<Int64>, dy: ConstantFloats,
    stride: Int, dTable: Floats
  ) {
    table.pointee.embeddingBackward(
      Int64(rows), Int64(size), Int64(vocabulary), ids, dy, Int64(stride), dTable)
  }

  /// Copies rows of a table to where a list has them.
  ///
  /// - Parameters:
  ///   - groups: the rows, and their places in the list.
  ///   - size: floats of a row.
  ///   - values: the table.
  ///   - output: the list's rows, `stride` floats apart; those at other places are left.
  ///   - stride: at least `size`.
  public static func spreadRows(
    _ groups: RowGroups, size: Int, table values: ConstantFloats, output: Floats, stride: Int
  ) {
    split(groups.count, work: 2 * groups.count * size) { range in
      let part = groups[range]
      table.pointee.spreadRows(
        Int64(part.count), Int64(size), part.rows, values, part.starts, part.places, output,
        Int64(stride))
    }
  }

  /// Adds up what a list has for each row, from +0 and in the order of the list.
  ///
  /// - Parameters:
  ///   - groups: the rows, and their places in the list.
  ///   - size: floats of a row.
  ///   - values: the list's rows, `stride` floats apart.
  ///   - stride: at least `size`.
  ///   - sums: room for `[groups.count, size]`.
  /// - Returns: whether all sums are finite.
  public static func collectRows(
    _ groups: RowGroups, size: Int, values: ConstantFloats, stride: Int, sums: Floats
  ) -> Bool {
    let isFinite = Atomic<Bool>(true)
    split(groups.count, work: 2 * groups.count * size) { range in
      let part = groups[range]
      let partIsFinite = table.pointee.collectRows(
        Int64(part.count), Int64(size), part.starts, part.places, values, Int64(stride),
        sums + range.lowerBound * size)
      if !partIsFinite { isFinite.store(false, ordering: .relaxed) }
    }
    return isFinite.load(ordering: .relaxed)
  }

  /// Writes Σ x² of each row of `[rows, size]`, as `squaredNorm` gives it.
  public static func rowNorms(
    rows: Int, size: Int, values: ConstantFloats, norms: UnsafeMutablePointer<Double>
  ) {
    split(rows, work: 2 * rows * size) { range in
      table.pointee.rowNorms(
        Int64(range.count), Int64(size), values + range.lowerBound * size,
        norms + range.lowerBound)
    }
  }

  /// `y[r] = Σ x[r, i] x[r, half + i]` over the first `factors` of both halves of rows of `2 · half`.
  ///
  /// With a bias that is added, and the number behind the factors of both halves.
  public static func rowDots(
    rows: Int, half: Int, factors: Int, x: ConstantFloats, bias: ConstantFloats? = nil, y: Floats
  ) {
    split(rows, work: 2 * rows * factors) { range in
      table.pointee.rowDots(
        Int64(range.count), Int64(half), Int64(factors), x + 2 * range.lowerBound * half, bias,
        y + range.lowerBound)
    }
  }

  /// The gradient of ``rowDots(rows:half:factors:x:bias:y:)`` towards x.
  ///
  /// Of each half the first `factors` are written, with biases the number behind them too.
  public static func rowDotsGradient(
    rows: Int, half: Int, factors: Int, x: ConstantFloats, dy: ConstantFloats, biases: Bool = false,
    dx: Floats
  ) {
    split(rows, work: 4 * rows * factors) { range in
      let first = 2 * range.lowerBound * half
      table.pointee.rowDotsGradient(
        Int64(range.count), Int64(half), Int64(factors), x + first, dy + range.lowerBound, biases,
        dx + first)
    }
  }
}

/// Distinct rows of a list of ids, and where it has them.
public struct RowGroups {
  /// How many rows.
  public let count: Int
  /// Their numbers.
  public let rows: UnsafePointer<Int64>
  /// Row r stands at places `starts[r] ..< starts[r + 1]` of ``places``; one number more than rows.
  public let starts: UnsafePointer<Int32>
  /// Places in the list, those of one row ascending.
  public let places: UnsafePointer<Int32>

  /// A view of memory that the caller keeps.
  public init(
    count: Int, rows: UnsafePointer<Int64>, starts: UnsafePointer<Int32>,
    places: UnsafePointer<Int32>
  ) {
    self.count = count
    self.rows = rows
    self.starts = starts
    self.places = places
  }

  /// A run of these rows, which may have other numbers.
  public subscript(_ range: Range<Int>, rows: UnsafePointer<Int64>? = nil) -> RowGroups {
    RowGroups(
      count: range.count, rows: rows ?? self.rows + range.lowerBound,
      starts: starts + range.lowerBound, places: places)
  }
}
