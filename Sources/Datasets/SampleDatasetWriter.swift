import Buffers
import HDF5

/// Collects the rows of one dataset into whole chunks, hashing them on the way.
final class SampleDatasetWriter {
  let path: String
  let element: SampleField.Element
  let rowBytes: Int
  private let dataset: HDF5Dataset
  private let rows: Int
  private let rowsPerChunk: Int
  private let buffer: HostBuffer<UInt8>
  private var buffered = 0
  private var written = 0
  private var hash: SHA256? = SHA256()
  private(set) var digest = ""

  /// Creates the dataset `name` of `rows` rows in `group`.
  init(
    in group: HDF5Group, _ name: String, _ element: SampleField.Element, rows: Int,
    rowShape: [Int], deflate: Int?
  ) throws(DatasetError) {
    self.element = element
    self.rows = rows
    rowBytes = rowShape.reduce(element.byteCount, *)
    rowsPerChunk = SampleFileFormat.rowsPerChunk(rows: rows, rowBytes: rowBytes)
    var filters: [HDF5Filter] = []
    if let deflate {
      if element != .uint8 { filters.append(.shuffle) }
      filters.append(.deflate(level: deflate))
    }
    filters.append(.fletcher32)
    let storage = HDF5Storage(rowsPerChunk: rowsPerChunk, filters: filters)
    let shape = [rows] + rowShape
    dataset = try border { () throws(HDF5Error) in
      switch element {
      case .uint8:
        return try group.createDataset(name, of: UInt8.self, shape: shape, storage: storage)
      case .int16:
        return try group.createDataset(name, of: Int16.self, shape: shape, storage: storage)
      case .int64:
        return try group.createDataset(name, of: Int64.self, shape: shape, storage: storage)
      case .float32:
        return try group.createDataset(name, of: Float.self, shape: shape, storage: storage)
      }
    }
    path = dataset.path
    buffer = HostBuffer(count: rowsPerChunk * rowBytes)
  }

  /// Appends whole rows.
  func append(_ bytes: UnsafeRawBufferPointer) throws(DatasetError) {
    guard bytes.count % rowBytes == 0 else {
      throw DatasetError(
        .mismatch, "\(path): \(bytes.count) bytes are not whole samples of \(rowBytes) bytes")
    }
    let count = bytes.count / rowBytes
    guard written + buffered + count <= rows else {
      throw DatasetError(.mismatch, "\(path): more than the announced \(rows) samples")
    }
    hash?.update(bytes)
    var done = 0
    while done < count {
      let part = min(count - done, rowsPerChunk - buffered)
      if let source = bytes.baseAddress {
        UnsafeMutableRawPointer(buffer.base + buffered * rowBytes)
          .copyMemory(from: source + done * rowBytes, byteCount: part * rowBytes)
      }
      buffered += part
      done += part
      if buffered == rowsPerChunk { try flush() }
    }
  }

  /// Writes the last rows and the attributes that describe the bytes.
  func finish() throws(DatasetError) {
    try flush()
    guard written == rows else {
      throw DatasetError(.mismatch, "\(path): \(written) of \(rows) announced samples were written")
    }
    digest = hash.take()?.hexadecimal() ?? ""
    let offsets = try chunkOffsets()
    try border { () throws(HDF5Error) in
      try dataset.setAttribute("digest", to: .text(digest))
      if let offsets { try dataset.setAttribute("chunkOffsets", to: .integers(offsets)) }
    }
  }

  /// The line of this dataset in the root digest.
  var digestLine: String {
    "\(path) \(element.rawValue) \(dataset.shape.map(String.init).joined(separator: "x")) \(digest)\n"
  }

  /// The dataset, for its attributes.
  var attributed: any HDF5Attributed { dataset }

  private func flush() throws(DatasetError) {
    guard buffered > 0 else { return }
    let range = written..<written + buffered
    try border { () throws(HDF5Error) in try dataset.writeRows(range, bytes: buffer.base) }
    written += buffered
    buffered = 0
  }

  /// Each chunk's place, or nil where a chunk is not its raw bytes and a checksum.
  ///
  /// Kept in the file because the library finds the i-th chunk by walking the i before it.
  private func chunkOffsets() throws(DatasetError) -> [Int64]? {
    guard case .chunked(_, [.fletcher32]) = dataset.layout else { return nil }
    return try border { () throws(HDF5Error) in
      var offsets: [Int64] = []
      var row = 0
      while row < rows {
        let coordinate = [row] + dataset.rowShape.map { _ in 0 }
        offsets.append(Int64(try dataset.chunk(at: coordinate).offset ?? -1))
        row += rowsPerChunk
      }
      return offsets
    }
  }
}
