/// The names and rules of a sample file, version 1.
///
/// A sample file is an HDF5 file (format of HDF5 1.10, every metadata block checksummed) with one group
/// per split, `/train`, `/validation`, `/test`, each with the same fields:
///
/// | object | content |
/// |---|---|
/// | `/train/image` | values: uint8, int16 or float32 `[S] + sampleShape`, images `[S, H, W, C]` |
/// | `/train/label` | labels and ids: int64 `[S] + sampleShape` |
/// | `/train/sound/values`, `/train/sound/offsets` | ragged: scalars end to end, int64 `[S + 1]` |
///
/// Every dataset is chunked by whole samples and carries Fletcher32, after shuffle and deflate where
/// asked. Attributes of the root: `format` (`aimass sample file`), `formatVersion` (1), `digest`, and
/// provenance (`name`, `sourceNames`, `sourceDigests`, ...). Attributes of a field, on its dataset or,
/// where it is ragged, on its group: `modality`, `axes` (one letter per extent: S samples, H W height
/// and width, C channels, F features, T time), `classes` (names, or one integer: their number),
/// `mean` and `std` of the training split in stored units (one number, or one per index of the last
/// axis). Attributes of a dataset: `digest` (SHA-256 of its numbers, little-endian, in C order) and
/// `chunkOffsets` (int64: the place of each chunk's first byte in this file; absent with deflate).
///
/// The root's `digest` is the SHA-256 of a text: the line `aimass sample file 1`; then for each dataset,
/// in order of the path's bytes, the line `PATH TYPE EXTENTS DIGEST` (extents joined by `x`); then for
/// each attribute except `digest` and `chunkOffsets`, in order of object path and name, the line
/// `PATH@NAME VALUE`. A VALUE is `text N:BYTES...` with each text's length, `integer N...`, or
/// `number` with each Float64's bits in hexadecimal. So it does not depend on chunks or compression.
public enum SampleFileFormat {
  /// The value of the root's `format`.
  public static let name = "aimass sample file"
  /// The newest `formatVersion` that this program writes and reads.
  public static let version = 1
  /// The least bytes of a chunk: below this the library's cost per chunk shows.
  static let leastChunkBytes = 1 << 20
  /// The most chunks of a dataset: the table of their places stays small.
  static let mostChunks = 4096

  /// Rows of a chunk: whole samples, at least 1 MiB and at most 4096 chunks where there are as many.
  ///
  /// - Parameters:
  ///   - rows: the dataset's first extent.
  ///   - rowBytes: bytes of one row.
  /// - Returns: a number in `1 ... max(1, rows)`.
  public static func rowsPerChunk(rows: Int, rowBytes: Int) -> Int {
    let rowBytes = max(1, rowBytes)
    let bytes = max(leastChunkBytes, (rows * rowBytes + mostChunks - 1) / mostChunks)
    return max(1, min(rows, (bytes + rowBytes - 1) / rowBytes))
  }
}
