import HDF5
import Synchronization

/// Where the chunks of a dataset lie in their file, asked of the library when first needed.
final class ChunkPlaces: Sendable {
  /// The file's bytes.
  let file: MappedFile
  private let dataset: HDF5Dataset
  private let known = Mutex<[[Int]: HDF5Chunk]>([:])

  /// The places, or nil where asking for them would take long, or the file is not read by its own offsets.
  init?(_ dataset: HDF5Dataset, _ chunk: [Int], chunkBytes: Int, _ open: OpenFile) {
    // The library visits the chunks before the one it is asked for, some 50 ns each; to inflate one takes
    // 3 ns a byte.
    let count = zip(dataset.shape, chunk).reduce(1.0) { $0 * Double(($1.0 + $1.1 - 1) / $1.1) }
    guard Double(chunkBytes) >= 128 * count, dataset.isAddressedFromStart,
      let file = try? open.mapped()
    else { return nil }
    (self.file, self.dataset) = (file, dataset)
  }

  /// The bytes of the file that are a chunk, and the filters that were left out for it.
  ///
  /// - Parameter corner: the chunk's first index.
  /// - Returns: nil where it was never written, or lies beyond the file.
  func chunk(at corner: [Int]) -> (bytes: Range<Int>, mask: UInt32)? {
    let chunk =
      known.withLock { $0[corner] }
      ?? (try? dataset.chunk(at: corner)).map { found in
        known.withLock { $0[corner] = found }
        return found
      }
    guard let chunk, let start = chunk.offset, start >= 0, chunk.byteCount > 0,
      chunk.byteCount <= file.byteCount, start <= file.byteCount - chunk.byteCount
    else { return nil }
    return (start..<start + chunk.byteCount, chunk.filterMask)
  }
}
