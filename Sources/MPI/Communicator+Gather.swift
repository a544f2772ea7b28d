import COpenMPI

extension Communicator {
  /// Collects as many scalars from each rank, in rank order.
  ///
  /// - Parameters:
  ///   - values: this rank's part, as long on every rank.
  ///   - root: the rank that receives.
  /// - Returns: on the root `size · values.count` scalars, elsewhere nil.
  /// - Throws: ``MPIError``, with `.countOverflow` where a part exceeds 2³¹ − 1 scalars.
  /// - MPI standard: 3.1, section 5.5 (`MPI_Gather`).
  public func gather<Scalar: MPIScalar>(
    _ values: [Scalar], root: Int
  ) throws(MPIError) -> [Scalar]? {
    let rootRank = try peer(root, "MPI_Gather")
    let count = try checkedCount(values.count, limit: countLimit, "MPI_Gather")
    var all = [Scalar](repeating: .zero, count: rank == root ? values.count * size : 0)
    try together(
      MPI_Gather(
        values, count, Scalar.datatype.handle, &all, count, Scalar.datatype.handle, rootRank,
        handle),
      "MPI_Gather")
    return rank == root ? all : nil
  }

  /// Collects one scalar from each rank, on every rank.
  ///
  /// - Parameter value: this rank's.
  /// - Returns: `size` scalars in rank order.
  /// - Throws: ``MPIError`` if MPI refuses.
  /// - MPI standard: 3.1, section 5.7 (`MPI_Allgather`).
  public func allGather<Scalar: MPIScalar>(_ value: Scalar) throws(MPIError) -> [Scalar] {
    var mine = value
    var all = [Scalar](repeating: .zero, count: size)
    try together(
      MPI_Allgather(&mine, 1, Scalar.datatype.handle, &all, 1, Scalar.datatype.handle, handle),
      "MPI_Allgather")
    return all
  }

  /// Collects a part of any length from each rank.
  ///
  /// - Parameters:
  ///   - values: this rank's part.
  ///   - root: the rank that receives.
  /// - Returns: on the root one array per rank in rank order, elsewhere nil.
  /// - Throws: ``MPIError``, with `.countOverflow` on every rank where all parts together exceed
  ///   2³¹ − 1 scalars.
  /// - MPI standard: 3.1, section 5.5 (`MPI_Gatherv`).
  public func gatherVariable<Scalar: MPIScalar>(
    _ values: [Scalar], root: Int
  ) throws(MPIError) -> [[Scalar]]? {
    let rootRank = try peer(root, "MPI_Gatherv")
    let plan = try GatherPlan(values.count, self, "MPI_Gatherv")
    var all = [Scalar](repeating: .zero, count: rank == root ? plan.total : 0)
    try together(
      MPI_Gatherv(
        values, plan.counts[rank], Scalar.datatype.handle, &all, plan.counts, plan.offsets,
        Scalar.datatype.handle, rootRank, handle),
      "MPI_Gatherv")
    return rank == root ? plan.parts(of: all) : nil
  }

  /// Collects a part of any length from each rank, on every rank.
  ///
  /// - Parameter values: this rank's part.
  /// - Returns: one array per rank, in rank order.
  /// - Throws: ``MPIError``, with `.countOverflow` on every rank where all parts together exceed
  ///   2³¹ − 1 scalars.
  /// - MPI standard: 3.1, section 5.7 (`MPI_Allgatherv`).
  public func allGatherVariable<Scalar: MPIScalar>(
    _ values: [Scalar]
  ) throws(MPIError) -> [[Scalar]] {
    let plan = try GatherPlan(values.count, self, "MPI_Allgatherv")
    var all = [Scalar](repeating: .zero, count: plan.total)
    try together(
      MPI_Allgatherv(
        values, plan.counts[rank], Scalar.datatype.handle, &all, plan.counts, plan.offsets,
        Scalar.datatype.handle, handle),
      "MPI_Allgatherv")
    return plan.parts(of: all)
  }
}

/// How long each rank's part is and where it goes; all ranks know it, so all act alike.
private struct GatherPlan {
  let counts: [CInt]
  let offsets: [CInt]
  let total: Int

  init(_ count: Int, _ group: Communicator, _ call: StaticString) throws(MPIError) {
    let lengths = try group.allGather(Int64(count))
    total = Int(lengths.reduce(0, +))
    // Offsets are C ints too, so it is the sum that must fit.
    _ = try checkedCount(total, limit: group.countLimit, call)
    counts = lengths.map { CInt($0) }
    var next: CInt = 0
    offsets = counts.map { length in
      defer { next += length }
      return next
    }
  }

  func parts<Scalar>(of all: [Scalar]) -> [[Scalar]] {
    zip(offsets, counts).map { Array(all[Int($0)..<Int($0 + $1)]) }
  }
}
