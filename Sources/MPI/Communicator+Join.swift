import COpenMPI

extension Communicator {
  /// Joins runs of unequal length of any size, each rank's own already in place.
  ///
  /// As ``allGatherInPlace(_:counts:)`` where one message can hold them all; else each rank's run is
  /// broadcast, in parts where it is long, so that no count exceeds a C `int`.
  ///
  /// - Parameters:
  ///   - all: room for all runs in rank order; this rank's run holds its values.
  ///   - counts: the length of each rank's run, `size` of them, the same on every rank.
  /// - Throws: ``MPIError``.
  /// - MPI standard: 3.1, sections 5.4 (`MPI_Bcast`) and 5.7 (`MPI_Allgatherv`).
  public func joinInPlace<Scalar: MPIScalar>(
    _ all: UnsafeMutableBufferPointer<Scalar>, counts: [Int]
  ) throws(MPIError) {
    guard all.count > countLimit else { return try allGatherInPlace(all, counts: counts) }
    precondition(counts.reduce(0, +) == all.count, "the runs are not as long as the buffer")
    var start = 0
    for (root, count) in counts.enumerated() {
      let run = UnsafeMutableBufferPointer(rebasing: all[start..<start + count])
      try broadcast(run, root: root)
      start += count
    }
  }
}
