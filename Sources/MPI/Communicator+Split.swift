import COpenMPI

extension Communicator {
  /// The ranks that share this rank's memory, in the order of this group.
  ///
  /// Collective: every rank of the group calls it, in the same order.
  ///
  /// - Returns: the group of this node; it is closed when the world ends.
  /// - Throws: ``MPIError`` if MPI refuses.
  /// - MPI standard: 3.1, section 6.4.2 (`MPI_Comm_split_type`).
  public func splitByNode() throws(MPIError) -> Communicator {
    var part = COpenMPI_comm_null()
    try check(
      MPI_Comm_split_type(
        handle, CInt(MPI_COMM_TYPE_SHARED), CInt(rank), COpenMPI_info_null(), &part),
      "MPI_Comm_split_type")
    return try adopt(part)
  }

  /// The ranks that name the same `color`, ordered by `key` and then by rank.
  ///
  /// Collective: every rank of the group calls it, in the same order.
  ///
  /// - Parameters:
  ///   - color: which part this rank joins; not negative.
  ///   - key: its place there.
  /// - Returns: the group of that color; it is closed when the world ends.
  /// - Throws: ``MPIError`` if MPI refuses.
  /// - MPI standard: 3.1, section 6.4.2 (`MPI_Comm_split`).
  public func split(color: Int32, key: Int32) throws(MPIError) -> Communicator {
    precondition(color >= 0, "a color cannot be negative, found \(color)")
    var part = COpenMPI_comm_null()
    try check(MPI_Comm_split(handle, color, key, &part), "MPI_Comm_split")
    return try adopt(part)
  }

  /// The same ranks with a message space of their own, so that tags cannot collide.
  ///
  /// Collective: every rank of the group calls it, in the same order.
  ///
  /// - Returns: the twin; it is closed when the world ends.
  /// - Throws: ``MPIError`` if MPI refuses.
  /// - MPI standard: 3.1, section 6.4.2 (`MPI_Comm_dup`).
  public func duplicate() throws(MPIError) -> Communicator {
    var twin = COpenMPI_comm_null()
    try check(MPI_Comm_dup(handle, &twin), "MPI_Comm_dup")
    return try adopt(twin)
  }

  private func adopt(_ part: MPI_Comm?) throws(MPIError) -> Communicator {
    guard let part else {
      preconditionFailure("MPI made a communicator without a handle and reported success")
    }
    family.derived.append(part)
    return try Communicator(handle: part, family: family)
  }
}

/// Every communicator made from one world, freed together and in order before MPI ends.
///
/// Freeing is collective, and the end of an object's life is not: a rank that unwinds after an error
/// would wait for ranks that do not.
final class CommunicatorFamily {
  var derived: [MPI_Comm] = []
  /// Which threads may call MPI.
  let level: ThreadLevel
  /// Told of calls in which ranks wait for each other.
  weak var observer: (any CollectiveObserver)?

  init(_ level: ThreadLevel) { self.level = level }

  /// Frees all, in the order they were made.
  ///
  /// Collective: every rank of the group calls it, in the same order.
  func close() throws(MPIError) {
    for handle in derived {
      var handle: MPI_Comm? = handle
      try check(MPI_Comm_free(&handle), "MPI_Comm_free")
    }
    derived.removeAll()
  }
}
