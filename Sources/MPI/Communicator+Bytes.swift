import COpenMPI

extension Communicator {
  /// Every rank's bytes, on every rank.
  ///
  /// - Parameter bytes: any length, also none.
  /// - Returns: one array per rank, in rank order.
  /// - Throws: ``MPIError``; `.countOverflow` where all together exceed a C `int`.
  /// - MPI standard: 3.1, section 5.7 (`MPI_Allgather`, `MPI_Allgatherv`).
  public func allGatherBytes(_ bytes: [UInt8]) throws(MPIError) -> [[UInt8]] {
    var counts = [Int64](repeating: 0, count: size)
    counts[rank] = Int64(bytes.count)
    try joined(&counts, counts: [Int](repeating: 1, count: size))
    let lengths = counts.map(Int.init)
    var all = [UInt8](repeating: 0, count: lengths.reduce(0, +))
    let start = lengths[..<rank].reduce(0, +)
    all.replaceSubrange(start..<start + bytes.count, with: bytes)
    try joined(&all, counts: lengths)
    var parts: [[UInt8]] = []
    var place = 0
    for length in lengths {
      parts.append(Array(all[place..<place + length]))
      place += length
    }
    return parts
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
    var counts = [Int64](repeating: 0, count: size)
    counts[rank] = Int64(bytes.count)
    try joined(&counts, counts: [Int](repeating: 1, count: size))
    let total = try checkedCount(Int(counts.reduce(0, +)), "MPI_Gatherv")
    var all = [UInt8](repeating: 0, count: rank == root ? Int(total) : 0)
    let lengths = counts.map { CInt($0) }
    var starts = [CInt](repeating: 0, count: size)
    for rank in 1..<max(size, 1) where rank < size {
      starts[rank] = starts[rank - 1] + lengths[rank - 1]
    }
    let status = MPI_Gatherv(
      bytes, CInt(bytes.count), UInt8.datatype.handle, &all, lengths, starts,
      UInt8.datatype.handle, CInt(root), handle)
    try check(status, "MPI_Gatherv")
    guard rank == root else { return nil }
    return (0..<size).map { Array(all[Int(starts[$0])..<Int(starts[$0] + lengths[$0])]) }
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
    let length = try checkedCount(all.count, "MPI_Bcast")
    try check(MPI_Bcast(&all, length, UInt8.datatype.handle, CInt(root), handle), "MPI_Bcast")
    return all
  }

  private func joined<Scalar: MPIScalar>(
    _ all: inout [Scalar], counts: [Int]
  ) throws(MPIError) {
    var failure: MPIError?
    all.withUnsafeMutableBufferPointer { buffer in
      do throws(MPIError) {
        try allGatherInPlace(buffer, counts: counts)
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
  }
}
