import CZlib
import HDF5
import Tensors

/// Undoes the filters of whole chunks itself, so that threads do it side by side.
///
/// Where a chunk lies is asked of the library, and it is read beside it; of very many chunks the library reads each,
/// under its lock, since its answer takes longer the more there are. What does not come out as it should, a chunk never
/// written or one whose checksum does not fit, is left to the library, which knows the rare cases and has the words for
/// damage.
final class ChunkDecoder: BlockDecoder {
  private let dataset: HDF5Dataset
  private let library: LibraryDecoder
  private let chunk: [Int]
  private let filters: [HDF5Filter]
  private let width: Int
  private let chunkBytes: Int
  private let rowBytes: Int
  private let places: ChunkPlaces?
  private var rooms: DecoderRooms { .decoding }

  /// A decoder, or nil where the numbers are not this machine's, or not in chunks.
  init?(_ dataset: HDF5Dataset, _ kind: NumberKind, _ file: OpenFile) {
    guard case .chunked(let chunk, let filters) = dataset.layout,
      dataset.element.isStored(as: kind.element), chunk.count == dataset.shape.count,
      chunk.allSatisfy({ $0 > 0 })
    else { return nil }
    self.dataset = dataset
    library = LibraryDecoder(dataset: dataset, kind: kind)
    (self.chunk, self.filters, width) = (chunk, filters, kind.byteCount)
    chunkBytes = chunk.reduce(kind.byteCount, *)
    rowBytes = dataset.scalarsPerRow * kind.byteCount
    places = ChunkPlaces(dataset, chunk, chunkBytes: chunkBytes, file)
  }

  func decode(
    _ rows: Range<Int>, into destination: UnsafeMutablePointer<UInt8>
  ) throws(DatasetError) -> Int {
    let room = rooms.take()
    defer { rooms.give(room) }
    var bytes = 0
    for corner in corners(of: rows) {
      let output = destination + (corner[0] - rows.lowerBound) * rowBytes
      guard let read = decodeChunk(at: corner, rows, into: output, room) else {
        return try library.decode(rows, into: destination)
      }
      bytes += read
    }
    return bytes
  }

  func announce(_ rows: Range<Int>) {
    guard let places else { return }
    for corner in corners(of: rows) {
      if let (bytes, _) = places.chunk(at: corner) { places.file.expect(bytes) }
    }
  }

  /// The first indices of the chunks that hold rows, which begin with a chunk.
  private func corners(of rows: Range<Int>) -> [[Int]] {
    // Chunks side by side in the inner extents, one number of them for each extent.
    let grid = zip(dataset.rowShape, chunk.dropFirst()).map { ($0 + $1 - 1) / $1 }
    return stride(from: rows.lowerBound, to: rows.upperBound, by: chunk[0]).flatMap { row in
      (0..<grid.reduce(1, *)).map { [row] + Self.place($0, in: grid, chunk) }
    }
  }

  /// The first index of a chunk in the inner extents.
  private static func place(_ number: Int, in grid: [Int], _ chunk: [Int]) -> [Int] {
    var rest = number
    var place = grid
    for axis in grid.indices.reversed() {
      place[axis] = rest % grid[axis] * chunk[axis + 1]
      rest /= grid[axis]
    }
    return place
  }

  /// Decodes one chunk to its place among the rows.
  ///
  /// - Returns: its bytes in the file, or nil where the library must do it.
  private func decodeChunk(
    at corner: [Int], _ rows: Range<Int>, into output: UnsafeMutablePointer<UInt8>,
    _ room: DecoderRoom
  ) -> Int? {
    guard let (raw, stored, mask) = readChunk(at: corner, room) else { return nil }
    // Whole rows of a whole chunk need no second place.
    let isWhole =
      Array(chunk.dropFirst()) == dataset.rowShape && corner[0] + chunk[0] <= rows.upperBound
    let target = isWhole ? output : room.bytes(3, chunkBytes)
    guard undo(raw, stored, mask, into: target, room) else { return nil }
    if !isWhole { scatter(target, at: corner, rows, into: output) }
    return stored
  }

  /// Reads a chunk as it lies in the file.
  ///
  /// - Returns: where it is, its bytes, and the filters that were left out; nil where the library must do it.
  private func readChunk(
    at corner: [Int], _ room: DecoderRoom
  ) -> (UnsafeMutablePointer<UInt8>, Int, UInt32)? {
    // A chunk that shrinks nothing is stored without deflate, so it is never much longer.
    let most = chunkBytes + chunkBytes / 256 + 4096
    if let places {
      guard let (bytes, mask) = places.chunk(at: corner), bytes.count <= most else { return nil }
      let raw = room.bytes(0, bytes.count)
      guard (try? places.file.read(bytes, into: raw)) != nil else { return nil }
      return (raw, bytes.count, mask)
    }
    guard let stored = try? dataset.storedBytes(ofChunkAt: corner), stored > 0, stored <= most
    else { return nil }
    let raw = room.bytes(0, stored)
    guard let mask = try? dataset.readChunk(at: corner, into: raw) else { return nil }
    return (raw, stored, mask)
  }

  /// Undoes the filters, the last one first.
  ///
  /// - Returns: false unless exactly one chunk comes out.
  private func undo(
    _ raw: UnsafeMutablePointer<UInt8>, _ stored: Int, _ mask: UInt32,
    into target: UnsafeMutablePointer<UInt8>, _ room: DecoderRoom
  ) -> Bool {
    var (input, count, next) = (raw, stored, 1)
    for index in filters.indices.reversed() where mask & (1 << UInt32(index)) == 0 {
      let isLast = !(0..<index).contains { mask & (1 << UInt32($0)) == 0 }
      switch filters[index] {
      case .fletcher32:
        count -= 4
        guard count >= 0, Self.isWhole(input, count) else { return false }
        continue
      case .shuffle:
        let output = isLast && count == chunkBytes ? target : room.bytes(next, count)
        Kernels.unshuffle(input, count: count, width: width, into: output)
        input = output
      case .deflate:
        let most = isLast ? chunkBytes : chunkBytes + 4 * filters.count
        let output = isLast ? target : room.bytes(next, most)
        guard let made = Self.inflate(input, count, into: output, most)
        else { return false }
        (input, count) = (output, made)
      }
      next = 3 - next
    }
    guard count == chunkBytes else { return false }
    if input != target { target.update(from: input, count: count) }
    return true
  }

  private static func isWhole(_ bytes: UnsafeMutablePointer<UInt8>, _ count: Int) -> Bool {
    let stated = UnsafeRawPointer(bytes + count).loadUnaligned(as: UInt32.self)
    return Kernels.fletcher32(bytes, count: count) == UInt32(littleEndian: stated)
  }

  /// Inflates a whole stream.
  ///
  /// - Returns: the bytes it came to, nil where it is damaged or longer than `most`.
  private static func inflate(
    _ input: UnsafeMutablePointer<UInt8>, _ count: Int, into output: UnsafeMutablePointer<UInt8>,
    _ most: Int
  ) -> Int? {
    var stream = z_stream()
    guard let size = UInt32(exactly: count), let room = UInt32(exactly: most),
      inflateInit_(&stream, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
    else { return nil }
    defer { inflateEnd(&stream) }
    (stream.next_in, stream.avail_in) = (input, size)
    (stream.next_out, stream.avail_out) = (output, room)
    guard CZlib.inflate(&stream, Z_FINISH) == Z_STREAM_END else { return nil }
    return Int(stream.total_out)
  }

  /// Copies what a chunk has of the wanted rows to their places, run by run of the last extent.
  private func scatter(
    _ source: UnsafeMutablePointer<UInt8>, at corner: [Int], _ rows: Range<Int>,
    into output: UnsafeMutablePointer<UInt8>
  ) {
    var shape = dataset.shape
    shape[0] = rows.upperBound
    let extents = chunk.indices.map { min(chunk[$0], shape[$0] - corner[$0]) }
    let last = chunk.count - 1
    let run = extents[last] * width
    for number in 0..<extents[..<last].reduce(1, *) {
      var (rest, from, to) = (number, 0, 0)
      var (fromStride, toStride) = (chunk[last], dataset.shape[last])
      for axis in (0..<last).reversed() {
        let index = rest % extents[axis]
        rest /= extents[axis]
        from += index * fromStride
        to += (index + (axis == 0 ? 0 : corner[axis])) * toStride
        fromStride *= chunk[axis]
        toStride *= dataset.shape[axis]
      }
      if last > 0 { to += corner[last] }
      (output + to * width).update(from: source + from * width, count: run)
    }
  }
}
