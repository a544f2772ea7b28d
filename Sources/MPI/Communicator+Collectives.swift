import COpenMPI

extension Communicator {
  /// Copies the root's buffer to all ranks, in several messages where one cannot hold it.
  ///
  /// - Parameters:
  ///   - buffer: the same count on every rank.
  ///   - root: the rank that sends.
  /// - Throws: ``MPIError``.
  /// - MPI standard: 3.1, section 5.4 (`MPI_Bcast`).
  public func broadcast<Scalar: MPIScalar>(
    _ buffer: UnsafeMutableBufferPointer<Scalar>, root: Int
  ) throws(MPIError) {
    let rootRank = try peer(root, "MPI_Bcast")
    guard let start = buffer.baseAddress else { return }
    for offset in pieces(buffer.count) {
      try together(
        MPI_Bcast(
          start + offset, pieceLength(offset, of: buffer.count), Scalar.datatype.handle, rootRank,
          handle), "MPI_Bcast")
    }
  }

  /// Copies the root's array to all ranks.
  ///
  /// - Parameters:
  ///   - values: the same count on every rank.
  ///   - root: the rank that sends.
  /// - Throws: ``MPIError``.
  public func broadcast<Scalar: MPIScalar>(
    _ values: inout [Scalar], root: Int
  ) throws(MPIError) {
    try values.withUnsafeMutableBufferPointer { (buffer) throws(MPIError) in
      try broadcast(buffer, root: root)
    }
  }

  /// The root's value, on every rank.
  ///
  /// - Parameters:
  ///   - value: what the root sends; ignored elsewhere.
  ///   - root: the rank that sends.
  /// - Returns: the root's value.
  /// - Throws: ``MPIError``.
  public func broadcast<Scalar: MPIScalar>(_ value: Scalar, root: Int) throws(MPIError) -> Scalar {
    var value = value
    let rootRank = try peer(root, "MPI_Bcast")
    let status = waiting {
      withUnsafeMutablePointer(to: &value) {
        MPI_Bcast($0, 1, Scalar.datatype.handle, rootRank, handle)
      }
    }
    try check(status, "MPI_Bcast")
    return value
  }

  /// Reduces a buffer over all ranks, in place and blocking, in parts where it is long.
  ///
  /// - Parameters:
  ///   - buffer: this rank's values; afterwards the reduced ones, equal on all ranks.
  ///   - operation: the element-wise operation.
  /// - Throws: ``MPIError``.
  /// - MPI standard: 3.1, section 5.9.6 (`MPI_Allreduce`).
  public func allReduce<Scalar: MPIScalar>(
    _ buffer: UnsafeMutableBufferPointer<Scalar>, by operation: ReductionOperator
  ) throws(MPIError) {
    guard let start = buffer.baseAddress else { return }
    for offset in pieces(buffer.count) {
      try together(
        MPI_Allreduce(
          COpenMPI_in_place(), start + offset, pieceLength(offset, of: buffer.count),
          Scalar.datatype.handle, operation.handle, handle), "MPI_Allreduce")
    }
  }

  /// Reduces an array over all ranks, in place.
  ///
  /// - Parameters:
  ///   - values: this rank's values; afterwards the reduced ones, equal on all ranks.
  ///   - operation: the element-wise operation.
  /// - Throws: ``MPIError``.
  public func allReduce<Scalar: MPIScalar>(
    _ values: inout [Scalar], by operation: ReductionOperator
  ) throws(MPIError) {
    try values.withUnsafeMutableBufferPointer { (buffer) throws(MPIError) in
      try allReduce(buffer, by: operation)
    }
  }

  /// Reduces one value over all ranks.
  ///
  /// - Parameters:
  ///   - value: this rank's value.
  ///   - operation: the operation.
  /// - Returns: the reduced value, equal on all ranks.
  /// - Throws: ``MPIError``.
  public func allReduce<Scalar: MPIScalar>(
    _ value: Scalar, by operation: ReductionOperator
  ) throws(MPIError) -> Scalar {
    var value = value
    let status = waiting {
      withUnsafeMutablePointer(to: &value) {
        MPI_Allreduce(
          COpenMPI_in_place(), $0, 1, Scalar.datatype.handle, operation.handle, handle)
      }
    }
    try check(status, "MPI_Allreduce")
    return value
  }

  /// Joins runs of unequal length, each rank's own already in place.
  ///
  /// - Parameters:
  ///   - all: room for all runs in rank order; this rank's run holds its values.
  ///   - counts: the length of each rank's run, `size` of them.
  /// - Throws: ``MPIError``; `.countOverflow` where `all` exceeds a C `int`.
  /// - Cost: after the first call with given counts nothing is allocated on the Swift side.
  /// - MPI standard: 3.1, section 5.7 (`MPI_Allgatherv`, `MPI_IN_PLACE`).
  public func allGatherInPlace<Scalar: MPIScalar>(
    _ all: UnsafeMutableBufferPointer<Scalar>, counts: [Int]
  ) throws(MPIError) {
    precondition(counts.count == size, "\(counts.count) counts for \(size) ranks")
    precondition(counts.reduce(0, +) == all.count, "the runs are not as long as the buffer")
    guard size > 1 else { return }
    _ = try checkedCount(all.count, limit: countLimit, "MPI_Allgatherv")
    let status = waiting {
      withUnsafeTemporaryAllocation(of: CInt.self, capacity: 2 * size) { numbers in
        var start: CInt = 0
        for (rank, count) in counts.enumerated() {
          numbers[rank] = CInt(count)
          numbers[size + rank] = start
          start += CInt(count)
        }
        return MPI_Allgatherv(
          COpenMPI_in_place(), 0, Scalar.datatype.handle, all.baseAddress, numbers.baseAddress,
          numbers.baseAddress.map { $0 + size }, Scalar.datatype.handle, handle)
      }
    }
    try check(status, "MPI_Allgatherv")
  }
}
