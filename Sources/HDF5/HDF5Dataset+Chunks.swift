import CHDF5
import Glibc

extension HDF5Dataset {
  /// Where the chunk that holds the number at `coordinate` lies.
  ///
  /// The corresponding C function is `H5Dget_chunk_info_by_coord`; it walks the chunks before the one
  /// asked for, so asking for all of n chunks costs n²/2 visits.
  ///
  /// - Parameter coordinate: the index of the chunk's first number, one per extent.
  /// - Returns: the chunk's place.
  /// - Throws: ``HDF5Error``; a dataset that is not chunked is a programmer error and traps.
  public func chunk(at coordinate: [Int]) throws(HDF5Error) -> HDF5Chunk {
    let start = chunkStart(coordinate)
    var mask: UInt32 = 0
    var address: haddr_t = 0
    var byteCount: hsize_t = 0
    try check("H5Dget_chunk_info_by_coord", place) {
      H5Dget_chunk_info_by_coord(handle.id, start, &mask, &address, &byteCount)
    }
    return HDF5Chunk(
      offset: address == undefined ? nil : Int(exactly: address),
      byteCount: Int(clamping: byteCount),
      filterMask: mask)
  }

  /// Bytes that a chunk takes in the file.
  ///
  /// The corresponding C function is `H5Dget_chunk_storage_size`.
  ///
  /// - Parameter coordinate: the index of the chunk's first number, one per extent.
  /// - Returns: its bytes after all filters, 0 where it was never written.
  /// - Throws: ``HDF5Error``; a dataset that is not chunked is a programmer error and traps.
  public func storedBytes(ofChunkAt coordinate: [Int]) throws(HDF5Error) -> Int {
    let start = chunkStart(coordinate)
    var byteCount: hsize_t = 0
    try check("H5Dget_chunk_storage_size", place) {
      H5Dget_chunk_storage_size(handle.id, start, &byteCount)
    }
    return Int(clamping: byteCount)
  }

  /// Reads a chunk as it lies in the file, filtered.
  ///
  /// The corresponding C function is `H5Dread_chunk`.
  ///
  /// - Parameters:
  ///   - coordinate: the index of the chunk's first number, one per extent.
  ///   - destination: room for ``storedBytes(ofChunkAt:)``.
  /// - Returns: bit i is set where filter i was left out for this chunk.
  /// - Throws: ``HDF5Error``; a dataset that is not chunked is a programmer error and traps.
  public func readChunk(
    at coordinate: [Int], into destination: UnsafeMutableRawPointer
  ) throws(HDF5Error) -> UInt32 {
    let start = chunkStart(coordinate)
    var mask: UInt32 = 0
    try check("H5Dread_chunk", place) {
      H5Dread_chunk(handle.id, defaults, start, &mask, destination)
    }
    return mask
  }

  /// Whether offsets count from the file's first byte: not where a user block comes before the file proper.
  ///
  /// The corresponding C function is `H5Pget_userblock`.
  public var isAddressedFromStart: Bool {
    let properties = H5Fget_create_plist(file.id)
    guard properties >= 0 else { return false }
    defer { H5Pclose(properties) }
    var byteCount: hsize_t = 0
    return H5Pget_userblock(properties, &byteCount) >= 0 && byteCount == 0
  }

  /// Asks the system to read from this dataset's file what the library reads, and nothing ahead of it.
  ///
  /// The corresponding C functions are `H5Fget_vfd_handle` and `posix_fadvise`. Advice only: a system that does not
  /// take it goes on as before.
  public func readExactly() {
    var descriptor: UnsafeMutableRawPointer?
    guard H5Fget_vfd_handle(file.id, defaults, &descriptor) >= 0, let descriptor else { return }
    _ = posix_fadvise(
      descriptor.load(as: CInt.self), 0, 0, CInt(POSIX_FADV_RANDOM))
  }

  private func chunkStart(_ coordinate: [Int]) -> [hsize_t] {
    guard case .chunked = layout, coordinate.count == shape.count else {
      preconditionFailure("\(location) has no chunk at \(coordinate)")
    }
    return coordinate.map { hsize_t($0) }
  }
}
