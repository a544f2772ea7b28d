import Buffers
import COpenMPI

/// A message in flight that owns its buffer until it ends.
///
/// Dropping one without waiting is a programmer error and traps.
public struct PendingMessage<Scalar: MPIScalar>: ~Copyable {
  private var request: MPI_Request?
  private var buffer: HostBuffer<Scalar>?

  init(_ request: MPI_Request?, _ buffer: consuming HostBuffer<Scalar>) {
    self.request = request
    self.buffer = consume buffer
  }

  deinit {
    // Not `precondition`: an optimised build would not say why.
    if buffer != nil { fatalError("a message in flight was dropped without wait()") }
  }

  /// Whether the message has been sent or received; also lets MPI move what is in flight.
  ///
  /// - Returns: true once it has; ``wait()`` then hands the buffer back at once.
  /// - Throws: ``MPIError`` if the message failed.
  /// - MPI standard: 3.1, section 3.7.3 (`MPI_Test`).
  public mutating func test() throws(MPIError) -> Bool {
    var ended: CInt = 0
    try check(MPI_Test(&request, &ended, COpenMPI_status_ignore()), "MPI_Test")
    return ended != 0
  }

  /// Blocks until the message has been sent or received, then returns its buffer.
  ///
  /// - Returns: the buffer; after a receive it holds the message.
  /// - Throws: ``MPIError`` if the message failed; the buffer is freed.
  /// - MPI standard: 3.1, section 3.7.3 (`MPI_Wait`).
  public consuming func wait() throws(MPIError) -> HostBuffer<Scalar> {
    var request = self.request
    guard let buffer = self.buffer.take() else {
      preconditionFailure("a message owns its buffer until wait()")
    }
    try check(MPI_Wait(&request, COpenMPI_status_ignore()), "MPI_Wait")
    return buffer
  }
}

extension Communicator {
  /// Begins sending a buffer, which moves into the returned message.
  ///
  /// - Parameters:
  ///   - buffer: what is sent.
  ///   - rank: the receiver.
  ///   - tag: the kind of message.
  /// - Returns: the message in flight; call `wait()` on it exactly once.
  /// - Throws: ``MPIError``.
  /// - MPI standard: 3.1, section 3.7.2 (`MPI_Isend`).
  public func startSend<Scalar: MPIScalar>(
    _ buffer: consuming HostBuffer<Scalar>, to rank: Int, tag: Int
  ) throws(MPIError) -> PendingMessage<Scalar> {
    let count = try checkedCount(buffer.count, limit: countLimit, "MPI_Isend")
    let peer = try peer(rank, "MPI_Isend")
    var request: MPI_Request?
    try check(
      MPI_Isend(
        buffer.base, count, Scalar.datatype.handle, peer, Self.kind(tag), handle, &request),
      "MPI_Isend")
    return PendingMessage(request, buffer)
  }

  /// Begins receiving into a buffer, which moves into the returned message.
  ///
  /// - Parameters:
  ///   - buffer: room for exactly the message.
  ///   - rank: the sender.
  ///   - tag: the kind of message.
  /// - Returns: the message in flight; call `wait()` on it exactly once.
  /// - Throws: ``MPIError``.
  /// - MPI standard: 3.1, section 3.7.2 (`MPI_Irecv`).
  public func startReceive<Scalar: MPIScalar>(
    into buffer: consuming HostBuffer<Scalar>, from rank: Int, tag: Int
  ) throws(MPIError) -> PendingMessage<Scalar> {
    let count = try checkedCount(buffer.count, limit: countLimit, "MPI_Irecv")
    let peer = try peer(rank, "MPI_Irecv")
    var request: MPI_Request?
    try check(
      MPI_Irecv(
        buffer.base, count, Scalar.datatype.handle, peer, Self.kind(tag), handle, &request),
      "MPI_Irecv")
    return PendingMessage(request, buffer)
  }
}
