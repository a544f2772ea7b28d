import COpenMPI
import Glibc

/// A group of ranks and the collectives between them.
///
/// A communicator is deliberately not `Sendable`: MPI is initialised at the *funneled* level, where
/// only one thread may call it, and the compiler keeps every call on the thread that holds this
/// object. A failed call throws; it does not end the process.
///
/// Not covered: one-sided communication, topologies, MPI files, inter-communicators.
public final class Communicator {
  let handle: MPI_Comm?
  /// This process's number in the group, in `0 ..< size`.
  public let rank: Int
  /// R: the number of processes in the group; 1 outside `mpirun`.
  public let size: Int

  /// Wraps a handle and makes its errors return instead of abort.
  init(handle: MPI_Comm?) throws(MPIError) {
    self.handle = handle
    try check(MPI_Comm_set_errhandler(handle, COpenMPI_errors_return()), "MPI_Comm_set_errhandler")
    var rank: CInt = 0
    var size: CInt = 0
    try check(MPI_Comm_rank(handle, &rank), "MPI_Comm_rank")
    try check(MPI_Comm_size(handle, &size), "MPI_Comm_size")
    self.rank = Int(rank)
    self.size = Int(size)
  }

  /// The name of the node this rank runs on.
  ///
  /// - MPI standard: 3.1, section 8.1.2 (`MPI_Get_processor_name`).
  public var hostName: String {
    var text = [CChar](repeating: 0, count: Int(MPI_MAX_PROCESSOR_NAME))
    var length: CInt = 0
    MPI_Get_processor_name(&text, &length)
    return String(decoding: text.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Waits until every rank has called it.
  ///
  /// - Throws: ``MPIError`` if the library fails.
  /// - MPI standard: 3.1, section 5.3.
  public func barrier() throws(MPIError) {
    try check(MPI_Barrier(handle), "MPI_Barrier")
  }
}

/// How this process was started.
public enum MPIEnvironment {
  /// Whether `mpirun` or `srun` started this process as one of several ranks.
  ///
  /// Only `OMPI_COMM_WORLD_RANK` and `PMIX_RANK` count: other variables of a batch job are also seen by
  /// processes that are no ranks.
  public static var isUnderLauncher: Bool {
    getenv("OMPI_COMM_WORLD_RANK") != nil || getenv("PMIX_RANK") != nil
  }
}
