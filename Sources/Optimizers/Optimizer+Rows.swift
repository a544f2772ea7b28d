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
  /// Room for Σ g² of the rows that are looked at together.
  let norms = HostBuffer<Double>(count: RowState.portion)

  /// Rows that are looked at together, at most.
  static let portion = 2048

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

  /// Adds Σ g² of each row to the places of its pieces, which were 0 before.
  ///
  /// The sums are those of a lazy table that is not sharded.
  ///
  /// - Parameters:
  ///   - rows: the reduced gradient of owned rows.
  ///   - state: that of their table.
  ///   - sums: the places of all pieces.
  public func measureGradient(
    _ rows: GlobalGradients.Rows, _ state: RowState, into sums: UnsafeMutablePointer<Double>
  ) {
    forEachPortion(rows, state) { numbers, values, place in
      Kernels.rowNorms(
        rows: numbers.count, size: state.table.width, values: values, norms: state.norms.base)
      add(state.norms.base, of: numbers, values, state, from: &place, to: sums)
    }
  }

  /// Moves owned rows and their state.
  ///
  /// - Parameters:
  ///   - rows: the reduced gradient.
  ///   - state: that of their table.
  ///   - weights: the owned rows of the table, `[state.rows, width]`.
  ///   - gradientScale: the clip factor, 1 without clipping.
  ///   - learningRateFactor: the schedule's factor of this step.
  ///   - sums: where to add what `measureGradient` adds, in the same sweep; nil: nowhere.
  public func update(
    _ rows: GlobalGradients.Rows, _ state: RowState, weights: UnsafeMutablePointer<Float>,
    gradientScale: Float, learningRateFactor: Double, sums: UnsafeMutablePointer<Double>? = nil
  ) {
    let width = state.table.width
    // Row 0 of the table, though its first rows may be another rank's.
    let origin = state.rows.lowerBound * width
    forEachPortion(rows, state) { numbers, values, place in
      let piece = pieces[place]
      Kernels.moveRows(
        by: step(
          piece, gradientScale: gradientScale,
          learningRate: piece.learningRate * learningRateFactor),
        numbers, size: width, weight: weights - origin, gradient: values,
        first: state.first.count > 0 ? state.first.base - origin : nil,
        second: state.second.count > 0 ? state.second.base - origin : nil,
        norms: sums == nil ? nil : state.norms.base)
      guard let sums else { return }
      add(state.norms.base, of: numbers, values, state, from: &place, to: sums)
    }
  }

  /// Visits rows in portions, with the piece where the search for theirs begins; none where the table is frozen.
  private func forEachPortion(
    _ rows: GlobalGradients.Rows, _ state: RowState,
    _ body: (
      _ numbers: UnsafeBufferPointer<Int64>, _ values: UnsafeMutablePointer<Float>,
      _ piece: inout Int
    ) -> Void
  ) {
    let numbers = rows.numbers
    guard let values = rows.values, let first = numbers.first, let last = numbers.last else {
      return
    }
    precondition(
      state.rows.contains(Int(first)) && state.rows.contains(Int(last)),
      "rows \(first)...\(last) are not owned: \(state.rows)")
    var piece = pieces.range(ofRows: state.rows, of: state.table).lowerBound
    // All pieces of a table are moved, or none.
    guard pieces[piece].action == .move else { return }
    for start in stride(from: 0, to: numbers.count, by: RowState.portion) {
      let end = min(start + RowState.portion, numbers.count)
      body(
        UnsafeBufferPointer(rebasing: numbers[start..<end]), values + start * state.table.width,
        &piece)
    }
  }

  /// Adds what was measured of rows to the places of their pieces, row by row in order.
  private func add(
    _ norms: UnsafePointer<Double>, of rows: UnsafeBufferPointer<Int64>,
    _ values: UnsafePointer<Float>, _ state: RowState, from index: inout Int,
    to sums: UnsafeMutablePointer<Double>
  ) {
    let (offset, width) = (state.table.offset, state.table.width)
    var limit = pieces.end(of: index)
    for (number, row) in rows.enumerated() {
      var start = offset + Int(row) * width
      let end = start + width
      while limit <= start {
        index += 1
        limit = pieces.end(of: index)
      }
      guard limit < end else {
        sums[index] += norms[number]
        continue
      }
      // A row that lies in several blocks has a sum in each.
      var gradient = values + number * width
      while start < end {
        if limit <= start {
          index += 1
          limit = pieces.end(of: index)
        }
        let count = min(end, limit) - start
        sums[index] += Kernels.squaredNorm(count, gradient)
        start += count
        gradient += count
      }
    }
  }
}
