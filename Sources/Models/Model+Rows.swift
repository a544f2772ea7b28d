import Parameters
import Tensors

/// Where the ids of a table come from of which a step moves only the rows it touches.
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
      let ids = microbatch.integers(reader.fieldIndex)
      let field = fields[reader.fieldIndex]
      let starts = field.isPacked ? microbatch.offsets(reader.fieldIndex) : nil
      let kept = reader.keptAxis.map(offsets.offsets)
      for sample in 0..<microbatch.count {
        if let kept, kept[sample + 1] == kept[sample] { continue }
        let units = starts.map { $0[sample]..<$0[sample + 1] } ?? sample..<sample + 1
        let size = field.scalarsPerUnit
        for place in units.lowerBound * size..<units.upperBound * size {
          rows.insert(Int(ids[place]), inTable: table)
        }
      }
    }
  }
}
