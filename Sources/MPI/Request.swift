import COpenMPI

/// A message in flight whose memory the caller keeps alive and leaves alone.
///
/// Dropping one that has not ended is a programmer error and stops the process: MPI would still be
/// using memory that is about to be reused.
///
/// - MPI standard: 3.1, section 3.7.
public struct Request: ~Copyable {
  private var handle: MPI_Request?

  init(handle: MPI_Request?) { self.handle = handle }

  deinit {
    // Not `precondition`: an optimised build would not say why.
    if let handle, handle != COpenMPI_request_null() {
      fatalError("a request was dropped before it was waited for")
    }
  }

  /// Blocks until the message has gone or come.
  ///
  /// - Throws: ``MPIError`` if it failed, as when more arrives than there is room for.
  /// - MPI standard: 3.1, section 3.7.3 (`MPI_Wait`).
  public consuming func wait() throws(MPIError) {
    var handle = release()
    try check(MPI_Wait(&handle, COpenMPI_status_ignore()), "MPI_Wait")
  }

  /// Whether the message has gone or come; also lets MPI move what is in flight.
  ///
  /// - Returns: true once, and from then on.
  /// - Throws: ``MPIError`` if it failed.
  /// - MPI standard: 3.1, section 3.7.3 (`MPI_Test`).
  public mutating func test() throws(MPIError) -> Bool {
    var ended: CInt = 0
    try check(MPI_Test(&handle, &ended, COpenMPI_status_ignore()), "MPI_Test")
    return ended != 0
  }

  /// Gives the handle away; whoever takes it must see it end.
  consuming func release() -> MPI_Request? {
    let handle = self.handle
    discard self
    return handle
  }
}
