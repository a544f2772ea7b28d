import CHDF5

extension HDF5Dataset {
  /// How one number is stored where each entry of the dataset is a sequence of its own length, else nil.
  ///
  /// - Returns: what the type of variable length is made of.
  /// - Throws: ``HDF5Error`` if the library refuses.
  public func sequenceElement() throws(HDF5Error) -> HDF5Element? {
    let type = Handle(
      owning: try check("H5Dget_type", place) { H5Dget_type(handle.id) }, H5Tclose)
    guard H5Tget_class(type.id) == H5T_VLEN else { return nil }
    let base = Handle(
      owning: try check("H5Tget_super", place) { H5Tget_super(type.id) }, H5Tclose)
    return HDF5Element(base.id)
  }

  /// Reads the sequences of a dataset of variable length, converting type and byte order.
  ///
  /// - Parameter type: the wanted type, which must hold every stored value.
  /// - Returns: all numbers end to end, and where each entry's begin: one number for each and the end.
  /// - Throws: ``HDF5Error``: `.typeMismatch` for other datasets and types, `.damaged`, `.ioFailure`.
  public func readSequences<Scalar: HDF5Scalar>(
    as type: Scalar.Type = Scalar.self
  ) throws(HDF5Error) -> (values: [Scalar], offsets: [Int]) {
    guard let stored = try sequenceElement(), shape.count == 1 else {
      throw place.error(.typeMismatch, "expected one sequence a row, found \(element) \(shape)")
    }
    guard stored.converts(to: Scalar.element) else {
      throw place.error(
        .typeMismatch, "\(stored) cannot become \(Scalar.element) without loss")
    }
    let memoryType = Handle(
      owning: try check("H5Tvlen_create", place) { H5Tvlen_create(Scalar.nativeType) }, H5Tclose)
    var (values, offsets): ([Scalar], [Int]) = ([], [0])
    // So many at a time: the library keeps each in memory of its own.
    for start in stride(from: 0, to: rowCount, by: 4096) {
      let rows = start..<min(start + 4096, rowCount)
      var entries = [hvl_t](repeating: hvl_t(), count: rows.count)
      try select(rows) { (memory, file) throws(HDF5Error) in
        try check("H5Dread", place) {
          H5Dread(handle.id, memoryType.id, memory, file, defaults, &entries)
        }
        for entry in entries {
          if let found = entry.p {
            values += UnsafeBufferPointer(
              start: found.assumingMemoryBound(to: Scalar.self), count: entry.len)
          }
          offsets.append(values.count)
        }
        try check("H5Dvlen_reclaim", place) {
          H5Dvlen_reclaim(memoryType.id, memory, defaults, &entries)
        }
      }
    }
    return (values, offsets)
  }
}
