import HDF5
import Synchronization
import Tensors

/// Rows read straight from the mapped file: a copy from the page cache, without the library's lock.
///
/// Chunks of a sample file are checked by their Fletcher32 when first touched; contiguous datasets of
/// users have no checksum to check.
final class MappedSource: RowSource {
  let kind: NumberKind
  let rowCount: Int
  let scalarsPerRow: Int
  let location: String
  private let file: MappedFile
  private let rowBytes: Int
  private let rowsPerChunk: Int
  private let offsets: [Int]
  private let isChecked: Bool
  /// A chunk, or a stretch of a contiguous dataset.
  let rowsPerBlock: Int
  private let blockCount: Int
  /// Whether each block was found whole, or was brought where nothing tells.
  private nonisolated(unsafe) let whole: UnsafeMutablePointer<Atomic<Bool>>
  private let wholeCount = Atomic<Int>(0)
  private let counter: ReadCounter

  /// A source, or nil where the numbers do not lie plainly in the file.
  init?(_ dataset: HDF5Dataset, _ kind: NumberKind, _ open: OpenFile) throws(DatasetError) {
    let rowBytes = dataset.scalarsPerRow * kind.byteCount
    switch dataset.layout {
    case .contiguous(.some(let offset)):
      offsets = [offset]
      rowsPerChunk = dataset.rowCount
      isChecked = false
    case .chunked(let chunk, [.fletcher32]) where Array(chunk.dropFirst()) == dataset.rowShape:
      guard let table = try MappedSource.table(dataset, chunk[0]) else { return nil }
      offsets = table
      rowsPerChunk = chunk[0]
      isChecked = true
    default: return nil
    }
    let chunkBytes = rowsPerChunk * rowBytes + (isChecked ? 4 : 0)
    guard let last = offsets.max(), offsets.allSatisfy({ $0 >= 0 }) else { return nil }
    let file = try open.mapped()
    guard last <= file.byteCount - chunkBytes else {
      throw DatasetError(
        .damaged,
        "\(dataset.location): numbers reach to byte \(last + chunkBytes), but the file ends at "
          + "\(file.byteCount); it was cut short, get it again")
    }
    self.file = file
    self.kind = kind
    self.rowBytes = rowBytes
    rowCount = dataset.rowCount
    scalarsPerRow = dataset.scalarsPerRow
    location = dataset.location
    rowsPerBlock = isChecked ? rowsPerChunk : max(1, (1 << 20) / max(1, rowBytes))
    blockCount = (rowCount + rowsPerBlock - 1) / rowsPerBlock
    counter = ReadCounter(storedBytesPerRow: Double(rowBytes))
    whole = .allocate(capacity: blockCount)
    for block in 0..<blockCount { (whole + block).initialize(to: Atomic(false)) }
  }

  deinit {
    whole.deinitialize(count: blockCount)
    whole.deallocate()
  }

  /// The places of our chunks, or nil where there is no table or it is not this file's.
  ///
  /// A tool that repacks the file copies the attribute though the chunks have moved, so the first and
  /// the last entry are compared with what the library says.
  private static func table(
    _ dataset: HDF5Dataset, _ rowsPerChunk: Int
  ) throws(DatasetError) -> [Int]? {
    try border { () throws(HDF5Error) in
      guard case .integers(let table) = try dataset.attribute("chunkOffsets") else { return nil }
      let count = (dataset.rowCount + rowsPerChunk - 1) / rowsPerChunk
      guard table.count == count, count > 0 else { return nil }
      for index in count == 1 ? [0] : [0, count - 1] {
        let start = [index * rowsPerChunk] + dataset.rowShape.map { _ in 0 }
        let chunk = try dataset.chunk(at: start)
        guard chunk.offset == Int(table[index]), chunk.filterMask == 0 else { return nil }
      }
      return table.map { Int($0) }
    }
  }

  func withEachRow(
    _ rows: UnsafeBufferPointer<Int64>,
    _ body: (Int, UnsafeRawPointer) throws(DatasetError) -> Void
  ) throws(DatasetError) {
    for (place, row) in rows.enumerated() {
      precondition(row >= 0 && row < rowCount, "\(location): row \(row) of \(rowCount)")
      // Shuffled rows lie anywhere, and each would be waited for by itself; what follows in a long one comes
      // of its own accord.
      if place + 16 < rows.count {
        Kernels.prefetch(bytes(of: Int(rows[place + 16])), count: min(rowBytes, 256))
      }
      if isChecked { try check(Int(row) / rowsPerChunk) }
      try body(place, bytes(of: Int(row)))
    }
    counter.handedOut(rows: rows.count, fileBytes: rows.count * rowBytes)
  }

  var statistics: ReadStatistics {
    var all = ReadStatistics()
    counter.add(to: &all, rowBytes: rowBytes)
    return all
  }

  func isAtHand(_ block: Int) -> Bool { whole[block].load(ordering: .relaxed) }

  func announce(_ block: Int) { file.announce(bytes(ofBlock: block)) }

  func bring(_ block: Int, stamp: Int) -> Bool {
    announce(block)
    if !isChecked {
      note(block)
    } else if (try? file.requireWhole()) != nil {
      // Whoever needs the block hears of its damage.
      try? check(block)
    }
    return true
  }

  /// Where a block's rows lie in the file, which has no gaps between them.
  private func bytes(ofBlock block: Int) -> Range<Int> {
    let rows = block * rowsPerBlock..<min(rowCount, (block + 1) * rowsPerBlock)
    let start = offsets[rows.lowerBound / rowsPerChunk] + rows.lowerBound % rowsPerChunk * rowBytes
    return start..<start + rows.count * rowBytes
  }

  @inline(__always)
  private func bytes(of row: Int) -> UnsafeRawPointer {
    let chunk = row / rowsPerChunk
    return file.bytes(at: offsets[chunk] + (row - chunk * rowsPerChunk) * rowBytes)
  }

  func requireWhole() throws(DatasetError) { try file.requireWhole() }

  func withRows(
    _ rows: Range<Int>, _ body: (UnsafeRawPointer, Int) throws(DatasetError) -> Void
  ) throws(DatasetError) {
    precondition(
      rows.lowerBound >= 0 && rows.upperBound <= rowCount, "\(location): \(rows) of \(rowCount)")
    var row = rows.lowerBound
    while row < rows.upperBound {
      let chunk = row / rowsPerChunk
      if isChecked { try check(chunk) }
      let end = min(rows.upperBound, (chunk + 1) * rowsPerChunk)
      let place = offsets[chunk] + (row - chunk * rowsPerChunk) * rowBytes
      if !isAtHand(row / rowsPerBlock) { file.announce(place..<place + (end - row) * rowBytes) }
      try body(file.bytes(at: place), end - row)
      row = end
    }
    counter.handedOut(rows: rows.count, fileBytes: rows.count * rowBytes)
  }

  /// Compares a chunk with its checksum, once.
  private func check(_ chunk: Int) throws(DatasetError) {
    if whole[chunk].load(ordering: .relaxed) { return }
    let bytes = file.bytes(at: offsets[chunk])
    let count = rowsPerChunk * rowBytes
    file.announce(offsets[chunk]..<offsets[chunk] + count)
    let expected = UInt32(littleEndian: (bytes + count).loadUnaligned(as: UInt32.self))
    guard Kernels.fletcher32(bytes.assumingMemoryBound(to: UInt8.self), count: count) == expected
    else {
      throw DatasetError(
        .damaged,
        "\(location): the chunk of \(count) bytes at byte \(offsets[chunk]) does not fit its "
          + "checksum; the file is damaged, get or prepare it again")
    }
    note(chunk)
  }

  private func note(_ block: Int) {
    guard !whole[block].exchange(true, ordering: .relaxed) else { return }
    wholeCount.add(1, ordering: .relaxed)
  }

  var isWhole: Bool { wholeCount.load(ordering: .relaxed) == blockCount }
}
