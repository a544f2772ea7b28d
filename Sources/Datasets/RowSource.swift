import HDF5

/// The rows of one dataset, each lent as its raw numbers.
protocol RowSource: AnyObject, Sendable {
  /// The kind in which rows are lent.
  var kind: NumberKind { get }
  /// The number of rows.
  var rowCount: Int { get }
  /// Numbers per row.
  var scalarsPerRow: Int { get }
  /// `FILE:DATASET`, for messages.
  var location: String { get }

  /// Lends the numbers of rows piece by piece, in order: a place, and the rows that lie there one
  /// after the other. The pointer is valid during the call only.
  func withRows(
    _ rows: Range<Int>, _ body: (UnsafeRawPointer, Int) throws(DatasetError) -> Void
  ) throws(DatasetError)

  /// Lends single rows one after the other: a row's place in the list, and its numbers.
  func withEachRow(
    _ rows: UnsafeBufferPointer<Int64>,
    _ body: (Int, UnsafeRawPointer) throws(DatasetError) -> Void
  ) throws(DatasetError)

  /// Throws if the file lost bytes since it was opened.
  func requireWhole() throws(DatasetError)
}

extension RowSource {
  func withEachRow(
    _ rows: UnsafeBufferPointer<Int64>,
    _ body: (Int, UnsafeRawPointer) throws(DatasetError) -> Void
  ) throws(DatasetError) {
    for (place, row) in rows.enumerated() {
      try withRows(Int(row)..<Int(row) + 1) { (raw, _) throws(DatasetError) in
        try body(place, raw)
      }
    }
  }
}

/// Chooses how the rows of a dataset are read.
enum RowSources {
  /// A source for `dataset`.
  ///
  /// Contiguous numbers in this machine's types, and uncompressed chunks that a sample file of ours
  /// lists, come straight from the mapped file; everything else goes through the library.
  static func make(
    _ dataset: HDF5Dataset, in file: OpenFile, cacheBytes: Int
  ) throws(DatasetError) -> any RowSource {
    guard let kind = NumberKind(dataset.element) else {
      throw DatasetError(
        .mismatch,
        "\(dataset.location): holds \(dataset.element); whole or floating numbers are read")
    }
    if dataset.element.isStored(as: kind.element), dataset.rowCount > 0,
      let source = try MappedSource(dataset, kind, file)
    {
      return source
    }
    return LibrarySource(dataset, kind, cacheBytes: cacheBytes)
  }
}
