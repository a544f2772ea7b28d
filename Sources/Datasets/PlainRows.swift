import HDF5
import Tensors

/// Where the rows of a dataset lie whose numbers stand plainly in the file.
///
/// A contiguous dataset is one piece without a checksum; chunks of a sample file are pieces of whole rows, each
/// with its Fletcher32 behind it.
struct PlainRows: Sendable {
  let file: MappedFile
  let location: String
  let rowCount: Int
  let rowBytes: Int
  let rowsPerChunk: Int
  /// The place of each piece in the file.
  let offsets: [Int]
  let isChecked: Bool

  /// The rows, or nil where the numbers do not lie plainly in the file.
  init?(_ dataset: HDF5Dataset, _ kind: NumberKind, _ open: OpenFile) throws(DatasetError) {
    let rowBytes = dataset.scalarsPerRow * kind.byteCount
    switch dataset.layout {
    case .contiguous(.some(let offset)):
      offsets = [offset]
      rowsPerChunk = dataset.rowCount
      isChecked = false
    case .chunked(let chunk, [.fletcher32]) where Array(chunk.dropFirst()) == dataset.rowShape:
      guard let table = try Self.table(dataset, chunk[0]) else { return nil }
      offsets = table
      rowsPerChunk = chunk[0]
      isChecked = true
    default: return nil
    }
    let chunkBytes = rowsPerChunk * rowBytes + (isChecked ? 4 : 0)
    guard let last = offsets.max(), offsets.allSatisfy({ $0 >= 0 }) else { return nil }
    file = try open.mapped()
    guard last <= file.byteCount - chunkBytes else {
      throw DatasetError(
        .damaged,
        "\(dataset.location): numbers reach to byte \(last + chunkBytes), but the file ends at "
          + "\(file.byteCount); it was cut short, get it again")
    }
    self.rowBytes = rowBytes
    rowCount = dataset.rowCount
    location = dataset.location
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
      // Behind a user block neither the table nor the library counts from the file's beginning.
      guard table.count == count, count > 0, dataset.isAddressedFromStart else { return nil }
      for index in count == 1 ? [0] : [0, count - 1] {
        let start = [index * rowsPerChunk] + dataset.rowShape.map { _ in 0 }
        let chunk = try dataset.chunk(at: start)
        guard chunk.offset == Int(table[index]), chunk.filterMask == 0 else { return nil }
      }
      return table.map { Int($0) }
    }
  }

  /// The byte of the file at which a row begins.
  @inline(__always)
  func place(of row: Int) -> Int {
    let chunk = row / rowsPerChunk
    return offsets[chunk] + (row - chunk * rowsPerChunk) * rowBytes
  }

  /// Bytes of a piece's numbers; a whole one's, also where the dataset ends within it.
  var chunkBytes: Int { rowsPerChunk * rowBytes }

  /// Throws unless a piece's checksum, which stands behind its numbers, is theirs.
  func check(_ chunk: Int, at bytes: UnsafeRawPointer) throws(DatasetError) {
    let expected = UInt32(littleEndian: (bytes + chunkBytes).loadUnaligned(as: UInt32.self))
    let numbers = bytes.assumingMemoryBound(to: UInt8.self)
    guard Kernels.fletcher32(numbers, count: chunkBytes) == expected else {
      throw DatasetError(
        .damaged,
        "\(location): the chunk of \(chunkBytes) bytes at byte \(offsets[chunk]) does not fit its "
          + "checksum; the file is damaged, get or prepare it again")
    }
  }
}
