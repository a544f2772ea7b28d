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
    forEachPart(rows, state) { index, part, values in
      sums[index] += Kernels.squaredNorm(part.count, values)
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
  public func update(
    _ rows: GlobalGradients.Rows, _ state: RowState, weights: UnsafeMutablePointer<Float>,
    gradientScale: Float, learningRateFactor: Double
  ) {
    let width = state.table.width
    let bytes = width * MemoryLayout<Float>.stride
    let origin = state.table.range(ofRows: state.rows).lowerBound
    // Rows lie anywhere in memory: each would be waited for by itself.
    func announce(_ row: Int) {
      let place = (row - state.rows.lowerBound) * width
      Kernels.prefetch(weights + place, count: bytes)
      if state.first.count > 0 { Kernels.prefetch(state.first.base + place, count: bytes) }
      if state.second.count > 0 { Kernels.prefetch(state.second.base + place, count: bytes) }
    }
    forEachPart(rows, state, ahead: announce) { _, part, values in
      let place = part.start - origin
      move(
        part, weight: weights + place, values: values,
        state: PieceState(first: state.first.base + place, second: state.second.base + place),
        gradientScale: gradientScale, learningRate: part.learningRate * learningRateFactor)
    }
  }

  /// Visits what lies of rows in each of their pieces, in order, where the rule moves them, and announces the
  /// rows to come.
  @inline(__always)
  private func forEachPart(
    _ rows: GlobalGradients.Rows, _ state: RowState, ahead: (_ row: Int) -> Void = { _ in },
    _ body: (_ piece: Int, _ part: Piece, _ values: UnsafeMutablePointer<Float>) -> Void
  ) {
    let (table, numbers) = (state.table, rows.numbers)
    guard let values = rows.values, let first = numbers.first, let last = numbers.last else {
      return
    }
    precondition(
      state.rows.contains(Int(first)) && state.rows.contains(Int(last)),
      "rows \(first)...\(last) are not owned: \(state.rows)")
    var index = pieces.range(ofRows: state.rows, of: table).lowerBound
    var piece = pieces[index]
    for (number, row) in numbers.enumerated() {
      if number + 8 < numbers.count { ahead(Int(numbers[number + 8])) }
      var start = table.offset + Int(row) * table.width
      let end = start + table.width
      var gradient = values + number * table.width
      while start < end {
        while piece.start + piece.count <= start {
          index += 1
          piece = pieces[index]
        }
        var part = piece
        (part.start, part.count) = (start, min(end, piece.start + piece.count) - start)
        if piece.action == .move { body(index, part, gradient) }
        start += part.count
        gradient += part.count
      }
    }
  }
}
