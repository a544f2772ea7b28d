import CHDF5

/// How a new dataset is stored.
public struct HDF5Storage: Sendable, Equatable {
  /// Rows per chunk; nil stores one contiguous run of bytes.
  public var rowsPerChunk: Int?
  /// The filters, in the order they are applied when writing.
  public var filters: [HDF5Filter]

  /// A way of storing.
  ///
  /// - Parameters:
  ///   - rowsPerChunk: rows per chunk; nil stores one contiguous run of bytes without filters.
  ///   - filters: applied in order; only chunks have any.
  public init(rowsPerChunk: Int? = nil, filters: [HDF5Filter] = []) {
    precondition(rowsPerChunk != nil || filters.isEmpty, "only chunks pass filters")
    self.rowsPerChunk = rowsPerChunk
    self.filters = filters
  }
}

extension HDF5Group {
  /// Creates a dataset of fixed extents in this group.
  ///
  /// Chunks are written through at once: a writer of whole chunks needs no cache, and a failing disk
  /// is heard at the row that failed. No times are stored, so equal content gives equal bytes.
  ///
  /// - Parameters:
  ///   - name: the name in this group.
  ///   - type: the stored scalar, in this machine's byte order.
  ///   - shape: the extents.
  ///   - storage: layout and filters.
  /// - Returns: the dataset, unwritten.
  /// - Throws: ``HDF5Error``: `.library` for a name that exists, `.ioFailure`.
  public func createDataset<Scalar: HDF5Scalar>(
    _ name: String, of type: Scalar.Type, shape: [Int], storage: HDF5Storage = HDF5Storage()
  ) throws(HDF5Error) -> HDF5Dataset {
    precondition(shape.allSatisfy { $0 >= 0 }, "extents \(shape)")
    let place = self.place.child(name)
    let space = try makeSpace(shape, place)
    let creation = try makePropertyList(CHDF5_dataset_create(), place)
    try check("H5Pset_obj_track_times", place) { H5Pset_obj_track_times(creation.id, false) }
    let access = try makePropertyList(CHDF5_dataset_access(), place)
    if let rows = storage.rowsPerChunk {
      let chunk = [hsize_t(max(1, rows))] + shape.dropFirst().map { hsize_t(max(1, $0)) }
      try check("H5Pset_chunk", place) { H5Pset_chunk(creation.id, CInt(chunk.count), chunk) }
      try check("H5Pset_chunk_cache", place) { H5Pset_chunk_cache(access.id, 0, 0, 1) }
      for filter in storage.filters { try HDF5Group.add(filter, creation.id, place) }
    }
    let id = try check("H5Dcreate", place) {
      H5Dcreate2(
        handle.id, name, Scalar.nativeType, space.id, defaults, creation.id, access.id)
    }
    return try HDF5Dataset(
      file: file, handle: Handle(owning: id, H5Dclose), place, isNew: true)
  }

  private static func add(
    _ filter: HDF5Filter, _ creation: hid_t, _ place: Place
  ) throws(HDF5Error) {
    switch filter {
    case .deflate(let level):
      try check("H5Pset_deflate", place) { H5Pset_deflate(creation, UInt32(level)) }
    case .shuffle: try check("H5Pset_shuffle", place) { H5Pset_shuffle(creation) }
    case .fletcher32: try check("H5Pset_fletcher32", place) { H5Pset_fletcher32(creation) }
    }
  }
}
