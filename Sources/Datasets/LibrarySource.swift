import Buffers
import Foundation
import HDF5

/// Rows decoded by the library, a block at a time, with the most recent blocks kept.
///
/// A block is a chunk's rows where the dataset is chunked. One lock guards blocks and lending, so the
/// library is entered by one thread at a time.
final class LibrarySource: RowSource, @unchecked Sendable {
  let kind: NumberKind
  let rowCount: Int
  let scalarsPerRow: Int
  let location: String
  private let dataset: HDF5Dataset
  private let rowBytes: Int
  private let rowsPerBlock: Int
  private let capacity: Int
  private let lock = NSLock()
  private var blocks: [Block] = []
  private var clock = 0
  private var decoded = 0

  /// A decoded run of rows.
  private final class Block {
    var index = -1
    var lastUse = 0
    let bytes: HostBuffer<UInt8>
    init(byteCount: Int) { bytes = HostBuffer(count: byteCount) }
  }

  init(_ dataset: HDF5Dataset, _ kind: NumberKind, cacheBytes: Int) {
    self.dataset = dataset
    self.kind = kind
    rowCount = dataset.rowCount
    scalarsPerRow = dataset.scalarsPerRow
    location = dataset.location
    rowBytes = max(1, dataset.scalarsPerRow * kind.byteCount)
    if case .chunked(let chunk, _) = dataset.layout {
      rowsPerBlock = max(1, chunk[0])
    } else {
      rowsPerBlock = max(1, (1 << 20) / rowBytes)
    }
    capacity = max(2, cacheBytes / (min(rowsPerBlock, max(1, rowCount)) * rowBytes))
  }

  /// Blocks decoded so far; more than there are means that some were read twice.
  var decodedBlocks: Int { lock.withLock { decoded } }

  /// The blocks of the dataset.
  var blockCount: Int { (rowCount + rowsPerBlock - 1) / rowsPerBlock }

  func requireWhole() throws(DatasetError) {}

  func withRows(
    _ rows: Range<Int>, _ body: (UnsafeRawPointer, Int) throws(DatasetError) -> Void
  ) throws(DatasetError) {
    precondition(
      rows.lowerBound >= 0 && rows.upperBound <= rowCount, "\(location): \(rows) of \(rowCount)")
    lock.lock()
    defer { lock.unlock() }
    var row = rows.lowerBound
    while row < rows.upperBound {
      let block = try self.block(row / rowsPerBlock)
      let end = min(rows.upperBound, (row / rowsPerBlock + 1) * rowsPerBlock)
      try body(UnsafeRawPointer(block.bytes.base + row % rowsPerBlock * rowBytes), end - row)
      row = end
    }
  }

  /// The block of this index, decoded now if it is not kept.
  private func block(_ index: Int) throws(DatasetError) -> Block {
    clock += 1
    if let kept = blocks.first(where: { $0.index == index }) {
      kept.lastUse = clock
      return kept
    }
    let block = vacate()
    let rows = index * rowsPerBlock..<min(rowCount, (index + 1) * rowsPerBlock)
    block.index = -1
    try border { () throws(HDF5Error) in try kind.read(dataset, rows, into: block.bytes.base) }
    decoded += 1
    block.index = index
    block.lastUse = clock
    return block
  }

  /// A block to decode into: a new one, or the one that was used longest ago.
  private func vacate() -> Block {
    if blocks.count >= capacity, let oldest = blocks.min(by: { $0.lastUse < $1.lastUse }) {
      return oldest
    }
    let block = Block(byteCount: min(rowsPerBlock, rowCount) * rowBytes)
    blocks.append(block)
    return block
  }
}
