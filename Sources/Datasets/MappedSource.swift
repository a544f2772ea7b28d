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
  private let rows: PlainRows
  private let file: MappedFile
  private let rowBytes: Int
  /// A chunk, or a stretch of a contiguous dataset.
  let rowsPerBlock: Int
  private let blockCount: Int
  /// Whether each block was found whole, or was brought where nothing tells.
  private nonisolated(unsafe) let whole: UnsafeMutablePointer<Atomic<Bool>>
  private let wholeCount = Atomic<Int>(0)
  private let counter: ReadCounter

  init(_ rows: PlainRows, _ dataset: HDF5Dataset, _ kind: NumberKind) {
    self.rows = rows
    self.kind = kind
    (file, rowBytes, rowCount, location) = (rows.file, rows.rowBytes, rows.rowCount, rows.location)
    scalarsPerRow = dataset.scalarsPerRow
    rowsPerBlock = rows.isChecked ? rows.rowsPerChunk : max(1, (1 << 20) / max(1, rowBytes))
    blockCount = (rowCount + rowsPerBlock - 1) / rowsPerBlock
    counter = ReadCounter(storedBytesPerRow: Double(rowBytes))
    whole = .allocate(capacity: blockCount)
    for block in 0..<blockCount { (whole + block).initialize(to: Atomic(false)) }
  }

  deinit {
    whole.deinitialize(count: blockCount)
    whole.deallocate()
  }

  func withEachRow(
    _ numbers: UnsafeBufferPointer<Int64>,
    _ body: (Int, UnsafeRawPointer) throws(DatasetError) -> Void
  ) throws(DatasetError) {
    if file.isTight {
      // Each row by itself: what lies around it would be evicted before somebody wants it.
      for row in numbers { file.announce(bytes(ofRow: Int(row))) }
    }
    for (place, row) in numbers.enumerated() {
      precondition(row >= 0 && row < rowCount, "\(location): row \(row) of \(rowCount)")
      // Shuffled rows lie anywhere, and each would be waited for by itself; what follows in a long one comes
      // of its own accord.
      if place + 16 < numbers.count {
        Kernels.prefetch(bytes(of: Int(numbers[place + 16])), count: min(rowBytes, 256))
      }
      if rows.isChecked { try check(Int(row) / rows.rowsPerChunk) }
      try body(place, bytes(of: Int(row)))
    }
    counter.handedOut(rows: numbers.count, fileBytes: numbers.count * rowBytes)
  }

  var statistics: ReadStatistics {
    var all = ReadStatistics()
    counter.add(to: &all, rowBytes: rowBytes)
    return all
  }

  func isAtHand(_ block: Int) -> Bool {
    isReadByRows || whole[block].load(ordering: .relaxed)
  }

  /// Whether bringing a block for one of its rows would read the others for nobody.
  private var isReadByRows: Bool { file.isTight && !rows.isChecked }

  func announce(_ block: Int) { file.announce(bytes(ofBlock: block)) }

  func bring(_ block: Int, stamp: Int) -> Bool {
    announce(block)
    if !rows.isChecked {
      note(block)
    } else if (try? file.requireWhole()) != nil {
      // Whoever needs the block hears of its damage.
      try? check(block)
    }
    return true
  }

  /// Where a block's rows lie in the file, which has no gaps between them.
  private func bytes(ofBlock block: Int) -> Range<Int> {
    let numbers = block * rowsPerBlock..<min(rowCount, (block + 1) * rowsPerBlock)
    let start = rows.place(of: numbers.lowerBound)
    return start..<start + numbers.count * rowBytes
  }

  private func bytes(ofRow row: Int) -> Range<Int> {
    let start = rows.place(of: row)
    return start..<start + rowBytes
  }

  @inline(__always)
  private func bytes(of row: Int) -> UnsafeRawPointer { file.bytes(at: rows.place(of: row)) }

  func requireWhole() throws(DatasetError) { try file.requireWhole() }

  func withRows(
    _ wanted: Range<Int>, _ body: (UnsafeRawPointer, Int) throws(DatasetError) -> Void
  ) throws(DatasetError) {
    precondition(
      wanted.lowerBound >= 0 && wanted.upperBound <= rowCount,
      "\(location): \(wanted) of \(rowCount)")
    var row = wanted.lowerBound
    while row < wanted.upperBound {
      let chunk = row / rows.rowsPerChunk
      if rows.isChecked { try check(chunk) }
      let end = min(wanted.upperBound, (chunk + 1) * rows.rowsPerChunk)
      let place = rows.place(of: row)
      if isReadByRows || !isAtHand(row / rowsPerBlock) {
        file.announce(place..<place + (end - row) * rowBytes)
      }
      try body(file.bytes(at: place), end - row)
      row = end
    }
    counter.handedOut(rows: wanted.count, fileBytes: wanted.count * rowBytes)
  }

  /// Compares a chunk with its checksum, once.
  private func check(_ chunk: Int) throws(DatasetError) {
    if whole[chunk].load(ordering: .relaxed) { return }
    file.announce(rows.offsets[chunk]..<rows.offsets[chunk] + rows.chunkBytes)
    try rows.check(chunk, at: file.bytes(at: rows.offsets[chunk]))
    note(chunk)
  }

  private func note(_ block: Int) {
    guard !whole[block].exchange(true, ordering: .relaxed) else { return }
    wholeCount.add(1, ordering: .relaxed)
  }

  var isWhole: Bool { wholeCount.load(ordering: .relaxed) == blockCount }
}
