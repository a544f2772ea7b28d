import HDF5

/// How many units each sample of a field has in one file, where it is not one.
struct FieldExtents: Sendable {
  /// Where each sample's rows begin, `[S + 1]`; nil where row i is sample i.
  let offsets: [Int]?
  /// Whether each sample has the field; nil where all do.
  let present: [Bool]?

  /// Reads and examines offsets and presence.
  ///
  /// - Throws: ``DatasetError`` where offsets fall, or do not end where the values do.
  init(_ datasets: FieldDatasets, in file: OpenFile) throws(DatasetError) {
    offsets = try datasets.offsets.map { (dataset) throws(DatasetError) in
      let offsets = try Self.integers(dataset, in: file)
      try Self.require(offsets, dataset, rows: datasets.values.rowCount)
      return offsets
    }
    let samples = datasets.sampleCount
    present = try datasets.present.map { (dataset) throws(DatasetError) in
      let flags = try Self.integers(dataset, in: file)
      guard flags.count == samples, flags.allSatisfy({ $0 == 0 || $0 == 1 }) else {
        throw DatasetError(
          .mismatch,
          "\(dataset.location): expected \(samples) numbers 0 or 1, one for each sample")
      }
      return flags.map { $0 == 1 }
    }
  }

  /// The rows of a sample: none where it lacks the field.
  func rows(of sample: Int) -> Range<Int> {
    if let present, !present[sample] { return 0..<0 }
    guard let offsets else { return sample..<sample + 1 }
    return offsets[sample]..<offsets[sample + 1]
  }

  /// The rows of consecutive samples.
  func rows(of samples: ClosedRange<Int>) -> Range<Int> {
    guard let offsets else { return samples.lowerBound..<samples.upperBound + 1 }
    return offsets[samples.lowerBound]..<offsets[samples.upperBound + 1]
  }

  /// Whether a sample has the field.
  func isPresent(_ sample: Int) -> Bool { present?[sample] ?? true }

  /// The most steps of a sample, at least 1; nil where samples have one unit.
  var longest: Int? {
    guard let offsets else { return nil }
    return (1..<offsets.count).reduce(1) { max($0, offsets[$1] - offsets[$1 - 1]) }
  }

  private static func integers(
    _ dataset: HDF5Dataset, in file: OpenFile
  ) throws(DatasetError) -> [Int] {
    guard dataset.shape.count == 1, NumberKind(dataset.element)?.isFloat == false else {
      throw DatasetError(
        .mismatch, "\(dataset.location): expected whole numbers in one row, found \(dataset.shape)")
    }
    let source = try RowSources.make(dataset, in: file, share: 0).own
    let converter = RowConverter(channels: 1, mean: nil, std: nil, classes: nil)
    var numbers = [Int64](repeating: 0, count: dataset.rowCount)
    try numbers.withUnsafeMutableBufferPointer { (buffer) throws(DatasetError) in
      guard var place = buffer.baseAddress else { return }
      try source.withRows(0..<dataset.rowCount) { (raw, count) throws(DatasetError) in
        do throws(RowConverter.Fault) {
          try converter.labels(raw, source.kind, count: count, into: place)
        } catch { throw DatasetError(.damaged, "\(dataset.location): \(error.text)") }
        place += count
      }
    }
    return numbers.map(Int.init)
  }

  private static func require(
    _ offsets: [Int], _ dataset: HDF5Dataset, rows: Int
  ) throws(DatasetError) {
    guard offsets.first == 0, offsets.last == rows else {
      throw DatasetError(
        .damaged,
        "\(dataset.location): expected offsets from 0 to \(rows), the rows of values, found "
          + "\(offsets.first ?? 0) to \(offsets.last ?? 0)")
    }
    for index in 1..<offsets.count where offsets[index] < offsets[index - 1] {
      throw DatasetError(
        .damaged,
        "\(dataset.location): offset \(index) is \(offsets[index]), less than the one before")
    }
  }
}
