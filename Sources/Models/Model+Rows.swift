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

  /// Lends the ids that a pass over some samples will read of a sharded table, in its order.
  ///
  /// - Parameters:
  ///   - microbatch: the samples, with their numbers in the split and the numbers of the fields of ids.
  ///   - step: the optimizer step, which keys what training leaves out; nil for evaluation.
  ///   - table: the table's place among the layout's sharded tables.
  ///   - body: takes the ids, some of which the table may have no row for.
  /// - Returns: what `body` returns.
  /// - Throws: what `body` throws.
  /// - Cost: nothing, or a copy where the modality is left out of some samples.
  public func withIdsRead<Result>(
    _ microbatch: Microbatch, step: Int?, table: Int,
    _ body: (UnsafeBufferPointer<Int64>) throws -> Result
  ) rethrows -> Result {
    let reader = shardedReaders[table]
    guard reader.keptAxis == nil else {
      var ids: [Int64] = []
      forEachId(reader, microbatch, measure(microbatch, step: step)) { ids.append($0) }
      return try ids.withUnsafeBufferPointer(body)
    }
    let index = reader.fieldIndex
    return try body(
      UnsafeBufferPointer(
        start: microbatch.integers(index),
        count: microbatch.units(index) * fields[index].scalarsPerUnit))
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
