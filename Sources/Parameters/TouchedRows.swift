import Buffers

/// Which rows of the lazily moved tables a step touches: one bit for each row, told anew in every step.
///
/// A row is touched where a sample of the global batch has its id, whatever the gradient comes to: a row
/// whose gradients cancel out moves as every other, since its moments do. Equal on all ranks.
public final class TouchedRows {
  /// The tables, in canonical order.
  public let tables: [LazyTable]
  private let words: HostBuffer<UInt64>

  /// No row touched yet of the tables of a layout.
  public init(_ layout: ParameterLayout) {
    tables = layout.lazyTables
    let count = tables.reduce(0) { $0 + $1.rowCount }
    words = HostBuffer(count: (count + 63) / 64)
  }

  /// Forgets the last step.
  ///
  /// - Cost: one bit for each row of all tables.
  public func clear() { words.all.update(repeating: 0) }

  /// Touches a row.
  ///
  /// - Parameters:
  ///   - row: in `0 ..< rowCount`; others are left alone, for whoever reads them refuses them by name.
  ///   - table: the table's place among ``tables``.
  public func insert(_ row: Int, inTable table: Int) {
    guard row >= 0, row < tables[table].rowCount else { return }
    let number = tables[table].firstNumber + row
    words[number / 64] |= 1 << UInt64(number % 64)
  }

  /// Visits the maximal runs of touched rows among `numbers`, ascending.
  ///
  /// - Parameters:
  ///   - numbers: rows, counted over all tables from ``LazyTable/firstNumber``.
  ///   - body: is given one run.
  @inline(__always)
  public func forEachRun(in numbers: Range<Int>, _ body: (_ run: Range<Int>) -> Void) {
    var start = -1
    var number = numbers.lowerBound
    while number < numbers.upperBound {
      let word = words[number / 64]
      if start < 0, word >> UInt64(number % 64) == 0 {
        number = (number / 64 + 1) * 64
        continue
      }
      let isTouched = word >> UInt64(number % 64) & 1 == 1
      if isTouched, start < 0 { start = number }
      if !isTouched, start >= 0 {
        body(start..<number)
        start = -1
      }
      number += 1
    }
    if start >= 0 { body(start..<numbers.upperBound) }
  }
}

/// A table of which a step moves only the rows it touches.
public struct LazyTable: Sendable, Equatable, BitwiseCopyable {
  /// Its place among the layout's slots.
  public let slot: Int
  /// Where row 0 begins in the canonical order.
  public let offset: Int
  /// The number of rows.
  public let rowCount: Int
  /// Scalars of a row.
  public let width: Int
  /// The rows of all lazy tables before it; 0 for a sharded one, whose rows are counted by themselves.
  public let firstNumber: Int
  /// Whether its rows lie on one rank each.
  public let isSharded: Bool

  /// Rows of a *row group*: sums over a table add up groups of this size, wherever its rows lie.
  public var rowsPerGroup: Int { max(1, ParameterLayout.blockSize / width) }

  /// The place of a run of rows in the canonical order.
  public func range(ofRows rows: Range<Int>) -> Range<Int> {
    offset + rows.lowerBound * width..<offset + rows.upperBound * width
  }
}

extension ParameterLayout {
  /// The tables of which a step moves only the rows it touches, in canonical order.
  public var lazyTables: [LazyTable] { tables(.lazy) }

  /// The tables of which every row lies on one rank, in canonical order.
  public var shardedTables: [LazyTable] { tables(.sharded) }

  private func tables(_ kind: ParameterSlot.Table) -> [LazyTable] {
    var tables: [LazyTable] = []
    var next = 0
    for (index, slot) in slots.enumerated() where slot.table == kind {
      let rows = slot.shape.first ?? 0
      tables.append(
        LazyTable(
          slot: index, offset: slot.offset, rowCount: rows, width: slot.count / max(1, rows),
          firstNumber: kind == .sharded ? 0 : next, isSharded: kind == .sharded))
      next += rows
    }
    return tables
  }
}
