import HDF5
import Synchronization

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
  /// Bytes of a block's numbers.
  var blockBytes: Int { rowsPerBlock * scalarsPerRow * kind.byteCount }
  func begin() {}
  func reach(_ stamp: Int) {}
}

/// Chooses how the rows of a dataset are read.
enum RowSources {
  /// The ways to the rows of `dataset`.
  ///
  /// Contiguous numbers in this machine's types, and uncompressed chunks that a sample file of ours
  /// lists, come straight from the mapped file, or, where they are too many for memory and their order allows, in
  /// blocks; everything else is decoded in blocks.
  ///
  /// - Parameters:
  ///   - dataset: the dataset.
  ///   - file: what it lies in.
  ///   - share: its part of the split's bytes, which is its share of the memory for blocks.
  /// - Returns: the ways, the mapping in use where there is one.
  /// - Throws: ``DatasetError`` `.mismatch` for other things than numbers, `.damaged` for a file cut short.
  static func make(
    _ dataset: HDF5Dataset, in file: OpenFile, share: Double
  ) throws(DatasetError) -> SegmentRows {
    guard let kind = NumberKind(dataset.element) else {
      throw DatasetError(
        .mismatch,
        "\(dataset.location): holds \(dataset.element); whole or floating numbers are read")
    }
    if dataset.element.isStored(as: kind.element), dataset.rowCount > 0,
      let rows = try PlainRows(dataset, kind, file)
    {
      let mapped = MappedSource(rows, dataset, kind)
      guard file.memory.isTight else { return SegmentRows(mapped) }
      let decoder = PlainDecoder(rows)
      return SegmentRows(mapped, BlockSource(dataset, kind, decoder, file.memory, share: share))
    }
    // Ahead of large pieces the kernel's guess, megabytes on some machines, is read for nobody.
    if file.memory.isTight, dataset.hasLargePieces { dataset.readExactly() }
    let decoder: any BlockDecoder =
      ChunkDecoder(dataset, kind, file) ?? LibraryDecoder(dataset: dataset, kind: kind)
    return SegmentRows(BlockSource(dataset, kind, decoder, file.memory, share: share))
  }
}

extension HDF5Dataset {
  /// Whether what is read at once is so long that reading ahead would not help it.
  fileprivate var hasLargePieces: Bool {
    guard case .chunked(let chunk, _) = layout else { return true }
    let chunks = zip(shape, chunk).reduce(1) { $0 * (($1.0 + $1.1 - 1) / max(1, $1.1)) }
    return storedByteCount / max(1, chunks) >= 128 << 10
  }
}

/// The ways to the rows of one dataset, of which one is in use.
final class SegmentRows: Sendable {
  /// Serves every order.
  let own: any RowSource
  /// Reads what is mapped in blocks, for orders that need all rows of a block at about the same time.
  private let blocks: BlockSource?
  private let readsBlocks = Atomic<Bool>(false)

  init(_ own: any RowSource, _ blocks: BlockSource? = nil) {
    (self.own, self.blocks) = (own, blocks)
  }

  /// What is in use.
  var source: any RowSource {
    if let blocks, readsBlocks.load(ordering: .relaxed) { return blocks }
    return own
  }

  /// The source whose blocks an order might read; nil where rows come from the mapped file.
  func blocks(for reading: BlockSource.Reading, readers: Int) -> BlockSource? {
    if let own = own as? BlockSource { return own }
    guard let blocks, blocks.fits(reading, readers: readers) else { return nil }
    return blocks
  }

  /// Uses blocks if they are wanted, or there is no other way; nobody is reading.
  ///
  /// - Returns: their source where they are in use.
  func choose(_ isWanted: (BlockSource) -> Bool) -> BlockSource? {
    if let own = own as? BlockSource { return own }
    let chosen = blocks.flatMap { isWanted($0) ? $0 : nil }
    readsBlocks.store(chosen != nil, ordering: .relaxed)
    return chosen
  }

  /// Adds what reading took, either way.
  func add(to total: inout ReadStatistics) {
    for one in [own.statistics, blocks?.statistics ?? ReadStatistics()] {
      total.blocks += one.blocks
      total.decodedBlocks += one.decodedBlocks
      total.fileBytes += one.fileBytes
      total.sampleBytes += one.sampleBytes
      total.numberBytes += one.numberBytes
    }
  }
}
