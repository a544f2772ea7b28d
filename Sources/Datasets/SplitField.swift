import HDF5
import Tensors

/// One field of a split: what it is, and its samples in one file after another.
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

  /// The segment that holds a sample of the concatenation.
  func segment(of sample: Int) -> FieldSegment {
    var low = 0
    var high = segments.count - 1
    while low < high {
      let middle = (low + high + 1) / 2
      if segments[middle].start <= sample { low = middle } else { high = middle - 1 }
    }
    return segments[low]
  }

  /// Stored bytes of all samples, unfiltered.
  var byteCount: Int {
    segments.reduce(0) {
      $0 + $1.source.rowCount * field.scalarsPerUnit * $1.source.kind.byteCount
    }
  }
}

/// The samples of a field in one file.
struct FieldSegment: Sendable {
  /// The sample of the concatenation at which they begin.
  let start: Int
  /// How many there are.
  let count: Int
  let rows: SegmentRows
  let extents: FieldExtents

  /// The samples that `datasets` hold, from `start` on.
  ///
  /// `share` is their part of the split's bytes.
  init(
    start: Int, _ datasets: FieldDatasets, in file: OpenFile, share: Double
  ) throws(DatasetError) {
    self.start = start
    count = datasets.sampleCount
    rows = try RowSources.make(datasets.values, in: file, share: share)
    extents = try FieldExtents(datasets, in: file)
  }

  /// The way to the rows that is in use.
  var source: any RowSource { rows.source }

  /// The sample after the last.
  var end: Int { start + count }

  /// Reads all values of sample `index` of this file; `sample` is its number for messages.
  func values(
    _ index: Int, _ converter: RowConverter, into output: UnsafeMutablePointer<Float>, sample: Int
  ) throws(DatasetError) {
    var output = output
    try source.withRows(extents.rows(of: index)) { (raw, rows) throws(DatasetError) in
      let count = rows * source.scalarsPerRow
      do throws(RowConverter.Fault) {
        try converter.values(raw, source.kind, count: count, into: output)
      } catch { throw failure(error, index, sample) }
      output += count
    }
  }

  /// Reads all labels or ids of sample `index` of this file.
  func labels(
    _ index: Int, _ converter: RowConverter, into output: UnsafeMutablePointer<Int64>, sample: Int
  ) throws(DatasetError) {
    var output = output
    try source.withRows(extents.rows(of: index)) { (raw, rows) throws(DatasetError) in
      let count = rows * source.scalarsPerRow
      do throws(RowConverter.Fault) {
        try converter.labels(raw, source.kind, count: count, into: output)
      } catch { throw failure(error, index, sample) }
      output += count
    }
  }

  /// Reads the values of samples that are one row of this file each; `samples` are their numbers for messages.
  func values(
    each rows: UnsafeBufferPointer<Int64>, _ converter: RowConverter,
    into output: UnsafeMutablePointer<Float>, _ samples: UnsafePointer<Int64>
  ) throws(DatasetError) {
    let (kind, count) = (source.kind, source.scalarsPerRow)
    try source.withEachRow(rows) { (place, raw) throws(DatasetError) in
      do throws(RowConverter.Fault) {
        try converter.values(raw, kind, count: count, into: output + place * count)
      } catch { throw failure(error, Int(rows[place]), Int(samples[place])) }
    }
  }

  /// Reads the labels or ids of samples that are one row of this file each.
  func labels(
    each rows: UnsafeBufferPointer<Int64>, _ converter: RowConverter,
    into output: UnsafeMutablePointer<Int64>, _ samples: UnsafePointer<Int64>
  ) throws(DatasetError) {
    let (kind, count) = (source.kind, source.scalarsPerRow)
    try source.withEachRow(rows) { (place, raw) throws(DatasetError) in
      do throws(RowConverter.Fault) {
        try converter.labels(raw, kind, count: count, into: output + place * count)
      } catch { throw failure(error, Int(rows[place]), Int(samples[place])) }
    }
  }

  private func failure(
    _ fault: RowConverter.Fault, _ row: Int, _ sample: Int
  ) -> DatasetError {
    let place = row == sample ? "sample \(sample)" : "sample \(sample) (row \(row) of the file)"
    return DatasetError(fault.code, "\(source.location): \(place): \(fault.text)")
  }
}
