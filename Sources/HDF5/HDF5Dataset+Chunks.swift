import CHDF5

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
    guard case .chunked = layout, coordinate.count == shape.count else {
      preconditionFailure("\(location) has no chunk at \(coordinate)")
    }
    let start = coordinate.map { hsize_t($0) }
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
}
