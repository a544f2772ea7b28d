import Buffers
import Parameters
import Tensors

/// The optimizer state of the rows of a sharded table that one rank owns.
public final class RowState {
  /// The table.
  public let table: LazyTable
  /// The rows, whole row groups.
  public let rows: Range<Int>
  let first, second: HostBuffer<Float>
  let names: [String]

  init(_ table: LazyTable, rows: Range<Int>, names: [String]) {
    self.table = table
    self.rows = rows
    self.names = names
    first = HostBuffer(count: names.isEmpty ? 0 : rows.count * table.width)
    second = HostBuffer(count: names.count < 2 ? 0 : rows.count * table.width)
  }

  /// What a resume must restore beside the rows, as `Optimizer.state` is for blocks.
  public var arrays: [StateArray] {
    let range = table.range(ofRows: rows)
    return names.enumerated().map {
      StateArray(name: $1, range: range, base: $0 == 0 ? first.base : second.base)
    }
  }

  /// Bytes of all state.
  public var byteCount: Int { (first.count + second.count) * MemoryLayout<Float>.stride }
}

extension Optimizer {
  /// Zeroed state for owned rows of a sharded table.
  ///
  /// - Parameters:
  ///   - table: a sharded table of the layout.
  ///   - rows: whole row groups.
  /// - Returns: what moves with these rows.
  public func makeState(_ table: LazyTable, rows: Range<Int>) -> RowState {
    RowState(table, rows: rows, names: Self.stateNames(rule))
  }

  /// The numbers of the pieces of a run of whole row groups: where the sums of its rows belong.
  public func pieces(ofRows rows: Range<Int>, of table: LazyTable) -> Range<Int> {
    pieces.range(ofRows: rows, of: table)
  }

  /// The numbers of the pieces of a run of blocks, those of sharded tables left out.
  public func residentPieces(ofBlocks blocks: Range<Int>) -> [Range<Int>] {
    var runs: [Range<Int>] = []
    for index in pieces.range(ofBlocks: blocks) where !pieces[index].isSharded {
      if let last = runs.last, last.upperBound == index {
        runs[runs.count - 1] = last.lowerBound..<index + 1
      } else {
        runs.append(index..<index + 1)
      }
    }
    return runs
  }

  /// Adds Σ g² of a row to the places of its pieces, which were 0 before the step's first row.
  ///
  /// Rows come in ascending order; the sums then are those of a lazy table that is not sharded.
  ///
  /// - Parameters:
  ///   - row: the reduced gradient of an owned row.
  ///   - state: that of its table.
  ///   - sums: the places of all pieces.
  public func measureGradient(
    _ row: GlobalGradients.Row, _ state: RowState, into sums: UnsafeMutablePointer<Double>
  ) {
    forEachPart(row, of: state.table) { index, part, values in
      sums[index] += Kernels.squaredNorm(part.count, values)
    }
  }

  /// Moves an owned row and its state.
  ///
  /// - Parameters:
  ///   - row: the reduced gradient.
  ///   - state: that of its table.
  ///   - weights: the owned rows of the table, `[state.rows, width]`.
  ///   - gradientScale: the clip factor, 1 without clipping.
  ///   - learningRateFactor: the schedule's factor of this step.
  public func update(
    _ row: GlobalGradients.Row, _ state: RowState, weights: UnsafeMutablePointer<Float>,
    gradientScale: Float, learningRateFactor: Double
  ) {
    precondition(state.rows.contains(row.row), "row \(row.row) is not owned: \(state.rows)")
    let origin = state.table.range(ofRows: state.rows).lowerBound
    forEachPart(row, of: state.table) { _, part, values in
      let place = part.start - origin
      move(
        part, weight: weights + place, values: values,
        state: PieceState(first: state.first.base + place, second: state.second.base + place),
        gradientScale: gradientScale, learningRate: part.learningRate * learningRateFactor)
    }
  }

  /// Visits what lies of a row in each of its pieces, where the rule moves them.
  @inline(__always)
  private func forEachPart(
    _ row: GlobalGradients.Row, of table: LazyTable,
    _ body: (_ piece: Int, _ part: Piece, _ values: UnsafeMutablePointer<Float>) -> Void
  ) {
    let range = table.range(ofRows: row.row..<row.row + 1)
    let group = row.row / table.rowsPerGroup * table.rowsPerGroup
    let rows = group..<min(group + table.rowsPerGroup, table.rowCount)
    for index in pieces.range(ofRows: rows, of: table) where pieces[index].action == .move {
      let part = pieces[index].part(row.row..<row.row + 1, of: table)
      guard part.count > 0 else { continue }
      body(index, part, row.values + (part.start - range.lowerBound))
    }
  }
}
