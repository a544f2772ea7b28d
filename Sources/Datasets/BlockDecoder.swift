import HDF5

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
  private var rooms: DecoderRooms { .decoding }

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
      (destination + (row - wanted.lowerBound) * rows.rowBytes).update(
        from: raw, count: bytes.count)
      count += rows.chunkBytes + 4
    }
    return count
  }

  func announce(_ wanted: Range<Int>) {
    for row in stride(from: wanted.lowerBound, to: wanted.upperBound, by: rows.rowsPerChunk) {
      rows.file.expect(fileBytes(row..<min(row + rows.rowsPerChunk, wanted.upperBound)))
    }
  }

  /// Where rows of one chunk lie.
  private func fileBytes(_ wanted: Range<Int>) -> Range<Int> {
    let start = rows.place(of: wanted.lowerBound)
    return start..<start + wanted.count * rows.rowBytes
  }
}
