import HDF5
import Tensors

/// One field of a split: what it is, and its rows in one file after another.
struct SplitField: Sendable {
  let field: MicrobatchField
  let classNames: [String]?
  let converter: RowConverter
  let segments: [FieldSegment]

  init(_ description: FieldDescription, _ segments: [FieldSegment]) {
    field = description.microbatchField
    classNames = description.classNames
    converter = description.converter
    self.segments = segments
  }

  /// The segment that holds a row of the concatenation.
  func segment(of row: Int) -> FieldSegment {
    var low = 0
    var high = segments.count - 1
    while low < high {
      let middle = (low + high + 1) / 2
      if segments[middle].start <= row { low = middle } else { high = middle - 1 }
    }
    return segments[low]
  }

  /// Stored bytes of all rows, unfiltered.
  var byteCount: Int {
    segments.reduce(0) {
      $0 + $1.source.rowCount * field.scalarsPerSample * $1.source.kind.byteCount
    }
  }
}

/// The rows of a field in one file.
struct FieldSegment: Sendable {
  /// The row of the concatenation at which they begin.
  let start: Int
  let source: any RowSource

  init(start: Int, source: any RowSource) {
    self.start = start
    self.source = source
  }

  /// The row after the last.
  var end: Int { start + source.rowCount }

  /// Numbers per row.
  var scalarsPerRow: Int { source.scalarsPerRow }

  /// Reads the values of row `row` of this file.
  func values(
    _ row: Int, _ converter: RowConverter, into output: UnsafeMutablePointer<Float>, sample: Int
  ) throws(DatasetError) {
    try source.withRow(row) { (raw) throws(DatasetError) in
      do throws(RowConverter.Fault) {
        try converter.values(raw, source.kind, into: output)
      } catch { throw failure(error, row, sample) }
    }
  }

  /// Reads the labels of row `row` of this file.
  func labels(
    _ row: Int, _ converter: RowConverter, into output: UnsafeMutablePointer<Int64>, sample: Int
  ) throws(DatasetError) {
    try source.withRow(row) { (raw) throws(DatasetError) in
      do throws(RowConverter.Fault) {
        try converter.labels(raw, source.kind, into: output)
      } catch { throw failure(error, row, sample) }
    }
  }

  private func failure(
    _ fault: RowConverter.Fault, _ row: Int, _ sample: Int
  ) -> DatasetError {
    let place = row == sample ? "sample \(sample)" : "sample \(sample) (row \(row) of the file)"
    return DatasetError(fault.code, "\(source.location): \(place): \(fault.text)")
  }
}
