extension Communicator {
  /// Every rank's bytes, on every rank.
  ///
  /// - Parameter bytes: any length, also none.
  /// - Returns: one array per rank, in rank order.
  /// - Throws: ``MPIError``; `.countOverflow` where all together exceed a C `int`.
  /// - MPI standard: 3.1, section 5.7 (`MPI_Allgather`, `MPI_Allgatherv`).
  public func allGatherBytes(_ bytes: [UInt8]) throws(MPIError) -> [[UInt8]] {
    try allGatherVariable(bytes)
  }

  /// Every rank's bytes, on the root only.
  ///
  /// - Parameters:
  ///   - bytes: any length, also none.
  ///   - root: the rank that receives.
  /// - Returns: on the root one array per rank in rank order, elsewhere nil.
  /// - Throws: ``MPIError``; `.countOverflow` where all together exceed a C `int`.
  /// - MPI standard: 3.1, section 5.5 (`MPI_Gatherv`).
  public func gatherBytes(_ bytes: [UInt8], root: Int) throws(MPIError) -> [[UInt8]]? {
    try gatherVariable(bytes, root: root)
  }

  /// The root's bytes, on every rank.
  ///
  /// - Parameters:
  ///   - bytes: what the root sends; ignored elsewhere.
  ///   - root: the rank that sends.
  /// - Returns: the root's bytes.
  /// - Throws: ``MPIError``.
  /// - MPI standard: 3.1, section 5.4 (`MPI_Bcast`).
  public func broadcastBytes(_ bytes: [UInt8], root: Int) throws(MPIError) -> [UInt8] {
    let count = try broadcast(Int64(bytes.count), root: root)
    var all = rank == root ? bytes : [UInt8](repeating: 0, count: Int(count))
    try broadcast(&all, root: root)
    return all
  }
}
