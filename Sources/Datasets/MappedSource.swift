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
  /// One bit per chunk that was found whole.
  private let whole: Mutex<[UInt64]>

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
    whole = Mutex(Array(repeating: 0, count: (offsets.count + 63) / 64))
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
      try body(file.bytes(at: place), end - row)
      row = end
    }
  }

  /// Compares a chunk with its checksum, once.
  private func check(_ chunk: Int) throws(DatasetError) {
    let bit = UInt64(1) << UInt64(chunk & 63)
    if whole.withLock({ $0[chunk >> 6] & bit != 0 }) { return }
    let bytes = file.bytes(at: offsets[chunk])
    let count = rowsPerChunk * rowBytes
    let expected = UInt32(littleEndian: (bytes + count).loadUnaligned(as: UInt32.self))
    guard Kernels.fletcher32(bytes.assumingMemoryBound(to: UInt8.self), count: count) == expected
    else {
      throw DatasetError(
        .damaged,
        "\(location): the chunk of \(count) bytes at byte \(offsets[chunk]) does not fit its "
          + "checksum; the file is damaged, get or prepare it again")
    }
    whole.withLock { $0[chunk >> 6] |= bit }
  }
}
