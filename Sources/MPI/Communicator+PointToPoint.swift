import COpenMPI

extension Communicator {
  /// Sends a buffer and returns when it may be reused.
  ///
  /// A buffer of any length is sent, in several messages where one cannot hold it.
  ///
  /// - Parameters:
  ///   - buffer: what to send.
  ///   - receiver: the rank it goes to.
  ///   - tag: the number by which the receiver tells it from others; not negative.
  /// - Throws: ``MPIError`` if MPI refuses.
  /// - MPI standard: 3.1, section 3.2.1 (`MPI_Send`).
  public func send<Scalar: MPIScalar>(
    _ buffer: UnsafeBufferPointer<Scalar>, to receiver: Int, tag: Int
  ) throws(MPIError) {
    let receiverRank = try peer(receiver, "MPI_Send")
    // An empty buffer still is a message, so the two sides stay in step.
    for offset in pieces(max(1, buffer.count)) {
      try together(
        MPI_Send(
          buffer.baseAddress.map { $0 + offset }, pieceLength(offset, of: buffer.count),
          Scalar.datatype.handle, receiverRank, Self.kind(tag), handle),
        "MPI_Send")
    }
  }

  /// Waits for a buffer sent by ``send(_:to:tag:)``.
  ///
  /// - Parameters:
  ///   - buffer: where it goes, as long as what was sent.
  ///   - sender: the rank it comes from.
  ///   - tag: the number given by the sender.
  /// - Throws: ``MPIError`` if MPI refuses or more arrives than there is room for.
  /// - MPI standard: 3.1, section 3.2.4 (`MPI_Recv`).
  public func receive<Scalar: MPIScalar>(
    into buffer: UnsafeMutableBufferPointer<Scalar>, from sender: Int, tag: Int
  ) throws(MPIError) {
    let senderRank = try peer(sender, "MPI_Recv")
    for offset in pieces(max(1, buffer.count)) {
      try together(
        MPI_Recv(
          buffer.baseAddress.map { $0 + offset }, pieceLength(offset, of: buffer.count),
          Scalar.datatype.handle, senderRank, Self.kind(tag), handle, COpenMPI_status_ignore()),
        "MPI_Recv")
    }
  }

  /// Begins sending memory that the caller keeps alive and unchanged until the request ends.
  ///
  /// - Parameters:
  ///   - buffer: what to send.
  ///   - receiver: the rank it goes to.
  ///   - tag: the number by which the receiver tells it from others; not negative.
  /// - Returns: the message in flight.
  /// - Throws: ``MPIError``, with `.countOverflow` above 2³¹ − 1 scalars.
  /// - MPI standard: 3.1, section 3.7.2 (`MPI_Isend`).
  public func startSend<Scalar: MPIScalar>(
    borrowing buffer: UnsafeBufferPointer<Scalar>, to receiver: Int, tag: Int
  ) throws(MPIError) -> Request {
    let receiverRank = try peer(receiver, "MPI_Isend")
    let count = try checkedCount(buffer.count, limit: countLimit, "MPI_Isend")
    var request: MPI_Request?
    try check(
      MPI_Isend(
        buffer.baseAddress, count, Scalar.datatype.handle, receiverRank, Self.kind(tag), handle,
        &request),
      "MPI_Isend")
    return Request(handle: request)
  }

  /// Begins receiving into memory that the caller keeps alive and untouched until the request ends.
  ///
  /// - Parameters:
  ///   - buffer: where it goes; the message may be shorter.
  ///   - sender: the rank it comes from.
  ///   - tag: the number given by the sender.
  /// - Returns: the message in flight.
  /// - Throws: ``MPIError``, with `.countOverflow` above 2³¹ − 1 scalars.
  /// - MPI standard: 3.1, section 3.7.2 (`MPI_Irecv`).
  public func startReceive<Scalar: MPIScalar>(
    into buffer: UnsafeMutableBufferPointer<Scalar>, from sender: Int, tag: Int
  ) throws(MPIError) -> Request {
    let senderRank = try peer(sender, "MPI_Irecv")
    let count = try checkedCount(buffer.count, limit: countLimit, "MPI_Irecv")
    var request: MPI_Request?
    try check(
      MPI_Irecv(
        buffer.baseAddress, count, Scalar.datatype.handle, senderRank, Self.kind(tag), handle,
        &request),
      "MPI_Irecv")
    return Request(handle: request)
  }
}
