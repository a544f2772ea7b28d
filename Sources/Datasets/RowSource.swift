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

  /// Rows that are brought from the file together; block b has those from `b · rowsPerBlock` on.
  var rowsPerBlock: Int { get }
  /// What reading took.
  var statistics: ReadStatistics { get }
  /// Whether a block's rows could be lent at once.
  func isAtHand(_ block: Int) -> Bool
  /// Whether that is so of every block, and stays so.
  var isWhole: Bool { get }
  /// Brings a block from the file before somebody needs it, at a place of the series; trouble is left to the
  /// one who does.
  ///
  /// - Returns: false where there is no room for it yet.
  func bring(_ block: Int, stamp: Int) -> Bool
  /// Lets the file's bytes of a block come while others are worked on.
  func announce(_ block: Int)
  /// Begins a series of places, from 0 on.
  func begin()
  /// Tells how far this process is in the series: nothing is needed any more that has a lesser stamp.
  func reach(_ stamp: Int)
}

extension RowSource {
  func announce(_ block: Int) {}
  func begin() {}
  func reach(_ stamp: Int) {}
}

/// Chooses how the rows of a dataset are read.
enum RowSources {
  /// A source for `dataset`.
  ///
  /// Contiguous numbers in this machine's types, and uncompressed chunks that a sample file of ours
  /// lists, come straight from the mapped file; everything else is decoded in blocks.
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
    return BlockSource(dataset, kind, cacheBytes: cacheBytes)
  }
}
