import Buffers
import Parameters

/// One tensor's share of one block, of a lazy table that of one row group in one block: the unit of norms
/// and of updates.
struct Piece {
  /// The slot's number.
  let slot: Int
  /// The first scalar's place in the canonical order.
  var start: Int
  /// Scalars.
  var count: Int
  /// What a step does to it.
  let action: SlotRule.Action
  /// The learning rate before the schedule.
  let learningRate: Double
  /// λ.
  let weightDecay: Double
  /// Whether LARS and LAMB scale by the tensor's norms.
  let adapts: Bool
  /// The share of the new value, for a statistic.
  let momentum: Double
  /// The statistic's n per sample of the step.
  let rowsPerSample: Int
  /// The table, where a step moves only the rows it touches.
  let table: LazyTable?

  /// Whether its rows lie on one rank each, and are moved one by one.
  var isSharded: Bool { table?.isSharded == true }

  /// The numbers of the rows that lie in it, whole or in part.
  func rows(of table: LazyTable) -> Range<Int> {
    let (first, end) = (start - table.offset, start - table.offset + count)
    return table.firstNumber + first / table.width..<table.firstNumber
      + (end + table.width - 1) / table.width
  }

  /// What lies in it of a run of rows.
  func part(_ rows: Range<Int>, of table: LazyTable) -> Piece {
    let origin = table.offset - table.firstNumber * table.width
    let range = (start..<start + count).clamped(
      to: origin + rows.lowerBound * table.width..<origin + rows.upperBound * table.width)
    var part = self
    (part.start, part.count) = (range.lowerBound, range.count)
    return part
  }
}

/// All pieces of a layout in canonical order, prepared once so that a step looks nothing up.
///
/// Pieces depend on the layout alone, never on ranks, so sums over them in index order have one
/// value on any number of ranks.
final class PieceTable {
  private let pieces: HostBuffer<Piece>
  private let firstOfBlock: HostBuffer<Int>

  /// Cuts every slot at the borders of blocks, and lazy tables at those of row groups too.
  init(_ layout: ParameterLayout, rules: [SlotRule]) {
    var list: [Piece] = []
    firstOfBlock = HostBuffer(count: layout.blockCount + 1)
    var block = 0
    let tables = layout.lazyTables + layout.shardedTables
    for (number, slot) in layout.slots.enumerated() {
      let table = tables.first { $0.slot == number }
      var start = slot.offset
      while start < slot.range.upperBound {
        while block < layout.blockCount, layout.block(block).lowerBound <= start {
          firstOfBlock[block] = list.count
          block += 1
        }
        var end = min(slot.range.upperBound, layout.block(block - 1).upperBound)
        if let table {
          let group = table.rowsPerGroup * table.width
          end = min(end, slot.offset + ((start - slot.offset) / group + 1) * group)
        }
        list.append(Piece(number, slot, rules[number], start..<end, table))
        start = end
      }
    }
    firstOfBlock[layout.blockCount] = list.count
    pieces = HostBuffer(count: list.count)
    for (index, piece) in list.enumerated() { pieces[index] = piece }
  }

  /// The number of pieces of the whole layout.
  var count: Int { pieces.count }

  /// The pieces of a run of blocks, as indices.
  func range(ofBlocks blocks: Range<Int>) -> Range<Int> {
    firstOfBlock[blocks.lowerBound]..<firstOfBlock[blocks.upperBound]
  }

  /// The pieces of one block, as indices.
  func range(ofBlock block: Int) -> Range<Int> { range(ofBlocks: block..<block + 1) }

  /// The pieces of a run of whole row groups of a table, or of all of it, as indices.
  func range(ofRows rows: Range<Int>, of table: LazyTable) -> Range<Int> {
    let range = table.range(ofRows: rows)
    return index(at: range.lowerBound)..<index(at: range.upperBound)
  }

  /// The pieces of a run of places that begins and ends where slots do, as indices.
  func range(within places: Range<Int>) -> Range<Int> {
    index(at: places.lowerBound)..<index(at: places.upperBound)
  }

  /// The first piece that begins at or after a place of the canonical order.
  private func index(at place: Int) -> Int {
    var (low, high) = (0, pieces.count)
    while low < high {
      let middle = (low + high) / 2
      if pieces[middle].start < place { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// The place behind the piece at `index`.
  @inline(__always)
  func end(of index: Int) -> Int {
    precondition(index < pieces.count, "a place behind the last piece")
    let piece = pieces.base + index
    return piece.pointee.start + piece.pointee.count
  }

  /// The piece at `index`.
  subscript(index: Int) -> Piece { pieces[index] }
}

extension Piece {
  fileprivate init(
    _ number: Int, _ slot: ParameterSlot, _ rule: SlotRule, _ range: Range<Int>,
    _ table: LazyTable?
  ) {
    self.slot = number
    self.table = table
    start = range.lowerBound
    count = range.count
    action = rule.action
    learningRate = rule.learningRate
    weightDecay = rule.weightDecay
    adapts = rule.adapts
    if case .statistic(let momentum, let rowsPerSample) = slot.role {
      self.momentum = momentum
      self.rowsPerSample = rowsPerSample
    } else {
      momentum = 0
      rowsPerSample = 0
    }
  }
}
