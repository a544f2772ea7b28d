import HDF5
import Synchronization

/// Brings rows of a dataset into memory.
protocol BlockDecoder: Sendable {
  /// Writes the numbers of `rows`, and perhaps some behind them, to `destination`.
  ///
  /// - Returns: bytes of the file that were read for it.
  func decode(
    _ rows: Range<Int>, into destination: UnsafeMutablePointer<UInt8>
  ) throws(DatasetError) -> Int

  /// Lets the bytes of `rows` come from the file while others are worked on.
  func announce(_ rows: Range<Int>)
}

extension BlockDecoder {
  func announce(_ rows: Range<Int>) {}
}

/// Has the library decode, which converts every type, one thread at a time.
struct LibraryDecoder: BlockDecoder {
  let dataset: HDF5Dataset
  let kind: NumberKind

  func decode(
    _ rows: Range<Int>, into destination: UnsafeMutablePointer<UInt8>
  ) throws(DatasetError) -> Int {
    try border { () throws(HDF5Error) in try kind.read(dataset, rows, into: destination) }
    return Int(Double(dataset.storedByteCount) * Double(rows.count) / Double(dataset.rowCount))
  }
}

/// Reads numbers that lie plainly in the file, and compares the checksums that there are.
struct PlainDecoder: BlockDecoder {
  private let rows: PlainRows
  private let rooms = DecoderRooms()

  init(_ rows: PlainRows) { self.rows = rows }

  func decode(
    _ wanted: Range<Int>, into destination: UnsafeMutablePointer<UInt8>
  ) throws(DatasetError) -> Int {
    guard rows.isChecked else {
      let bytes = fileBytes(wanted)
      try rows.file.read(bytes, into: destination)
      return bytes.count
    }
    let room = rooms.take()
    defer { rooms.give(room) }
    var count = 0
    for row in stride(from: wanted.lowerBound, to: wanted.upperBound, by: rows.rowsPerChunk) {
      let numbers = row..<min(row + rows.rowsPerChunk, wanted.upperBound)
      // The checksum, and what fills up the last chunk, have no room among the rows.
      let raw = room.bytes(0, rows.chunkBytes + 4)
      let bytes = fileBytes(numbers)
      try rows.file.read(bytes.lowerBound..<bytes.lowerBound + rows.chunkBytes + 4, into: raw)
      try rows.check(row / rows.rowsPerChunk, at: raw)
      (destination + (row - wanted.lowerBound) * rows.rowBytes).update(from: raw, count: bytes.count)
      count += rows.chunkBytes + 4
    }
    return count
  }

  func announce(_ wanted: Range<Int>) {
    for row in stride(from: wanted.lowerBound, to: wanted.upperBound, by: rows.rowsPerChunk) {
      rows.file.announce(fileBytes(row..<min(row + rows.rowsPerChunk, wanted.upperBound)))
    }
  }

  /// Where rows of one chunk lie.
  private func fileBytes(_ wanted: Range<Int>) -> Range<Int> {
    let start = rows.place(of: wanted.lowerBound)
    return start..<start + wanted.count * rows.rowBytes
  }
}

/// Memory for what is on its way through a decoder, kept for the next who comes.
final class DecoderRooms: Sendable {
  private let free = Mutex<[DecoderRoom]>([])

  func take() -> DecoderRoom { free.withLock { $0.popLast() } ?? DecoderRoom() }

  func give(_ room: DecoderRoom) { free.withLock { $0.append(room) } }
}

/// Places of growing size.
final class DecoderRoom: @unchecked Sendable {
  private var parts: [(base: UnsafeMutablePointer<UInt8>, count: Int)] = []

  deinit { for part in parts { part.base.deallocate() } }

  /// At least `count` bytes; each number is a place of its own.
  func bytes(_ number: Int, _ count: Int) -> UnsafeMutablePointer<UInt8> {
    while parts.count <= number { parts.append((.allocate(capacity: 1), 1)) }
    if parts[number].count < count {
      parts[number].base.deallocate()
      parts[number] = (.allocate(capacity: count), count)
    }
    return parts[number].base
  }
}
