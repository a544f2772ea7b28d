import COpenMPI

/// Messages in flight that are waited for together.
///
/// Buffers are borrowed: they must stay alive and untouched until ``waitAll()`` returns. The set keeps
/// its room, so after the largest step has been seen it allocates nothing. Ending a set with messages
/// in flight is a programmer error and traps: MPI would still be writing to memory about to be freed.
public final class RequestSet {
  private let communicator: Communicator
  private var requests: [MPI_Request?] = []

  /// An empty set of messages between ranks of `communicator`.
  public init(_ communicator: Communicator) {
    self.communicator = communicator
    requests.reserveCapacity(64)
  }

  deinit {
    // Not `precondition`: an optimised build would not say why.
    if !requests.isEmpty { fatalError("messages in flight were dropped without waitAll()") }
  }

  /// Messages in flight.
  public var count: Int { requests.count }

  /// Begins sending `buffer`.
  ///
  /// - Parameters:
  ///   - buffer: must not change until ``waitAll()``.
  ///   - rank: the receiver.
  ///   - tag: the kind of message; messages of one kind between two ranks keep their order.
  /// - Throws: ``MPIError``.
  /// - MPI standard: 3.1, section 3.7.2 (`MPI_Isend`).
  public func startSend<Scalar: MPIScalar>(
    _ buffer: UnsafeBufferPointer<Scalar>, to rank: Int, tag: Int
  ) throws(MPIError) {
    let count = try checkedCount(buffer.count, limit: communicator.countLimit, "MPI_Isend")
    let peer = try communicator.peer(rank, "MPI_Isend")
    var request: MPI_Request?
    try check(
      MPI_Isend(
        buffer.baseAddress, count, Scalar.datatype.handle, peer,
        Communicator.kind(tag), communicator.handle, &request), "MPI_Isend")
    requests.append(request)
  }

  /// Begins receiving into `buffer`.
  ///
  /// - Parameters:
  ///   - buffer: must not be touched until ``waitAll()``; the message may be shorter.
  ///   - rank: the sender.
  ///   - tag: the kind of message.
  /// - Throws: ``MPIError``.
  /// - MPI standard: 3.1, section 3.7.2 (`MPI_Irecv`).
  public func startReceive<Scalar: MPIScalar>(
    _ buffer: UnsafeMutableBufferPointer<Scalar>, from rank: Int, tag: Int
  ) throws(MPIError) {
    let count = try checkedCount(buffer.count, limit: communicator.countLimit, "MPI_Irecv")
    let peer = try communicator.peer(rank, "MPI_Irecv")
    var request: MPI_Request?
    try check(
      MPI_Irecv(
        buffer.baseAddress, count, Scalar.datatype.handle, peer,
        Communicator.kind(tag), communicator.handle, &request), "MPI_Irecv")
    requests.append(request)
  }

  /// Blocks until all messages of the set have ended, and empties it.
  ///
  /// - Throws: ``MPIError`` if one of them failed.
  /// - MPI standard: 3.1, section 3.7.5 (`MPI_Waitall`).
  public func waitAll() throws(MPIError) {
    let status = requests.withUnsafeMutableBufferPointer {
      MPI_Waitall(CInt($0.count), $0.baseAddress, COpenMPI_statuses_ignore())
    }
    requests.removeAll(keepingCapacity: true)
    try check(status, "MPI_Waitall")
  }

  /// Takes over a message started elsewhere; its number is the `count` before the call.
  public func add(_ request: consuming Request) {
    requests.append(request.release())
  }

  /// Whether all messages have ended, which empties the set; also lets MPI move what is in flight.
  ///
  /// - Returns: true once all have.
  /// - Throws: ``MPIError`` if one of them failed.
  /// - MPI standard: 3.1, section 3.7.5 (`MPI_Testall`).
  public func testAll() throws(MPIError) -> Bool {
    var ended: CInt = 0
    let status = requests.withUnsafeMutableBufferPointer {
      MPI_Testall(CInt($0.count), $0.baseAddress, &ended, COpenMPI_statuses_ignore())
    }
    try check(status, "MPI_Testall")
    if ended != 0 { requests.removeAll(keepingCapacity: true) }
    return ended != 0
  }

  /// Blocks until one message that was still in flight ends.
  ///
  /// - Returns: its number, in the order they were started, or nil when none is left; the set is then
  ///   empty.
  /// - Throws: ``MPIError`` if it failed.
  /// - MPI standard: 3.1, section 3.7.5 (`MPI_Waitany`).
  public func waitAny() throws(MPIError) -> Int? {
    var index: CInt = 0
    let status = requests.withUnsafeMutableBufferPointer {
      MPI_Waitany(CInt($0.count), $0.baseAddress, &index, COpenMPI_status_ignore())
    }
    try check(status, "MPI_Waitany")
    guard index != MPI_UNDEFINED else {
      requests.removeAll(keepingCapacity: true)
      return nil
    }
    return Int(index)
  }
}
