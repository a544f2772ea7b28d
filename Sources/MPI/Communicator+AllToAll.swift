import COpenMPI

extension Communicator {
  /// Sends one number to each rank and receives one from each.
  ///
  /// - Parameter values: the number for each rank, in rank order.
  /// - Returns: the number of each rank for this one, in rank order.
  /// - Throws: ``MPIError`` if MPI refuses.
  /// - MPI standard: 3.1, section 5.8 (`MPI_Alltoall`).
  public func allToAll<Scalar: MPIScalar>(_ values: [Scalar]) throws(MPIError) -> [Scalar] {
    precondition(values.count == size, "\(values.count) numbers for \(size) ranks")
    var received = [Scalar](repeating: .zero, count: size)
    try together(
      MPI_Alltoall(
        values, 1, Scalar.datatype.handle, &received, 1, Scalar.datatype.handle, handle),
      "MPI_Alltoall")
    return received
  }

  /// Sends a run of any length to each rank and receives one from each.
  ///
  /// Collective. Runs lie one behind the other, in rank order.
  ///
  /// - Parameters:
  ///   - values: the runs to send.
  ///   - counts: the length of each rank's run, `size` of them.
  ///   - received: room for the runs that come.
  ///   - receivedCounts: their lengths, as the senders' `counts` say.
  /// - Throws: ``MPIError``; `.countOverflow` where a rank sends or receives more than 2³¹ − 1 scalars.
  /// - MPI standard: 3.1, section 5.8 (`MPI_Alltoallv`).
  public func allToAll<Scalar: MPIScalar>(
    _ values: UnsafeBufferPointer<Scalar>, counts: [Int],
    into received: UnsafeMutableBufferPointer<Scalar>, counts receivedCounts: [Int]
  ) throws(MPIError) {
    let sent = try AllToAllPlan(counts, of: values.count, self)
    let coming = try AllToAllPlan(receivedCounts, of: received.count, self)
    try together(
      MPI_Alltoallv(
        values.baseAddress, sent.counts, sent.offsets, Scalar.datatype.handle,
        received.baseAddress, coming.counts, coming.offsets, Scalar.datatype.handle, handle),
      "MPI_Alltoallv")
  }
}

/// How long each rank's run is and where it lies, as MPI takes it.
private struct AllToAllPlan {
  let counts: [CInt]
  let offsets: [CInt]

  init(_ lengths: [Int], of total: Int, _ group: Communicator) throws(MPIError) {
    precondition(lengths.count == group.size, "\(lengths.count) runs for \(group.size) ranks")
    precondition(lengths.reduce(0, +) == total, "the runs are not as long as the buffer")
    _ = try checkedCount(total, limit: group.countLimit, "MPI_Alltoallv")
    counts = lengths.map { CInt($0) }
    var next: CInt = 0
    offsets = counts.map { length in
      defer { next += length }
      return next
    }
  }
}
