import Parameters
import Tensors

/// Where the ids of a table come from of which a step moves only the rows it touches, or of which every
/// row lies on one rank.
struct TableReader {
  /// The field of ids.
  let fieldIndex: Int
  /// The axis of the samples' units as far as they are read, where some are left out; nil for all.
  let keptAxis: Int?

  /// The ids that reach an embedding as `input`.
  init(_ input: Value, fieldIndex: Int) {
    self.fieldIndex = fieldIndex
    // What is not the field itself is a gate's copy of what it keeps.
    if case .field = input.place { keptAxis = nil } else { keptAxis = input.axis }
  }
}

extension Model {
  /// The fields whose ids ``markTouchedRows(_:step:in:)`` reads.
  public var touchingFields: Set<Int> { Set(tableReaders.map(\.fieldIndex)) }

  /// Marks the rows of lazily moved tables that samples read in training.
  ///
  /// Samples of which training leaves the modality out in this step read none. Ids that a table has no
  /// row for mark nothing: ``labelOutOfRange(_:)`` names them.
  ///
  /// - Parameters:
  ///   - microbatch: any number of samples, with their numbers in the split and the numbers of
  ///     ``touchingFields``.
  ///   - step: the optimizer step, which keys what training leaves out.
  ///   - rows: of this model's layout; gets more marks.
  /// - Cost: one look at every id.
  public func markTouchedRows(_ microbatch: Microbatch, step: Int, in rows: TouchedRows) {
    guard !tableReaders.isEmpty else { return }
    let offsets = measure(microbatch, step: step)
    for (table, reader) in tableReaders.enumerated() {
      forEachId(reader, microbatch, offsets) { rows.insert(Int($0), inTable: table) }
    }
  }

  /// The most rows of each sharded table that a microbatch can read.
  public var mostRowsRead: [Int] {
    shardedReaders.map { capacity * fields[$0.fieldIndex].scalarsPerSample }
  }

  /// Where a pass finds the rows of sharded tables; needed where the layout has any.
  public var rowSource: (any RowSource)? {
    get { rowPort.source }
    set { rowPort.source = newValue }
  }

  /// The rows of a sharded table that passes over some samples will read.
  ///
  /// - Parameters:
  ///   - microbatches: any number of samples, with their numbers in the split and the numbers of the fields of ids.
  ///   - step: the optimizer step, which keys what training leaves out; nil for evaluation.
  ///   - table: the table's place among the layout's sharded tables.
  /// - Returns: the rows, ascending, each once. Ids that the table has no row for are left out.
  /// - Cost: sorts the ids, two or three passes over them.
  public func rowsRead(_ microbatches: [Microbatch], step: Int?, table: Int) -> [Int64] {
    let limit = Int64(layout.shardedTables[table].rowCount)
    var ids: [Int64] = []
    for microbatch in microbatches {
      let offsets = measure(microbatch, step: step)
      forEachId(shardedReaders[table], microbatch, offsets) {
        if $0 >= 0, $0 < limit { ids.append($0) }
      }
    }
    return distinctIds(ids, below: limit)
  }

  /// Visits the ids that a table's readers get in a pass.
  @inline(__always)
  private func forEachId(
    _ reader: TableReader, _ microbatch: Microbatch, _ offsets: AxisOffsets,
    _ body: (Int64) -> Void
  ) {
    let ids = microbatch.integers(reader.fieldIndex)
    let field = fields[reader.fieldIndex]
    let starts = field.isPacked ? microbatch.offsets(reader.fieldIndex) : nil
    let kept = reader.keptAxis.map(offsets.offsets)
    let size = field.scalarsPerUnit
    for sample in 0..<microbatch.count {
      if let kept, kept[sample + 1] == kept[sample] { continue }
      let units = starts.map { $0[sample]..<$0[sample + 1] } ?? sample..<sample + 1
      for place in units.lowerBound * size..<units.upperBound * size { body(ids[place]) }
    }
  }
}
