import COpenMPI
import Glibc

/// Runs `body` between `MPI_Init_thread` and `MPI_Finalize`.
///
/// If `body` throws on some rank only, the whole job is aborted: the others may already wait inside a
/// collective and would hang. If all ranks throw the same ``AgreedFailure``, one of them reports it and
/// all end in order. Either way the process ends with the status that `report` returns (70 if that is
/// zero), and this function does not return.
///
/// - Parameters:
///   - level: which threads may call MPI.
///   - body: receives all ranks; they must not outlive it.
///   - report: called with the error and its rank before the end; returns the exit status. This module
///     prints nothing itself.
/// - Returns: what `body` returns.
/// - Throws: ``MPIError`` if MPI cannot start or stop.
/// - Precondition: called on the main thread, once per process.
/// - MPI standard: 3.1, sections 8.7 and 12.4.3.
public func withWorld<Result>(
  threads level: ThreadLevel = .funneled, _ body: (Communicator) throws -> Result,
  onFailure report: (any Error, _ rank: Int) -> Int32
) throws(MPIError) -> Result {
  _ = MPIEnvironment.isUnderLauncher
  var provided: CInt = 0
  let wanted = CInt(level == .multiple ? MPI_THREAD_MULTIPLE : MPI_THREAD_FUNNELED)
  try check(MPI_Init_thread(nil, nil, wanted, &provided), "MPI_Init_thread")
  guard provided >= wanted else {
    throw MPIError(
      code: .threadingUnsupported, call: "MPI_Init_thread",
      message: "level \(provided) is below \(wanted); use an MPI built with threads")
  }
  let family = CommunicatorFamily(level)
  let world = try Communicator(handle: COpenMPI_comm_world(), family: family)
  let result: Result
  do {
    result = try body(world)
  } catch let failure as AgreedFailure {
    leave(world, failure, report)
  } catch {
    // Alone there is nobody to free from a collective, and an abort would add lines of its own.
    if world.size == 1 { leave(world, AgreedFailure(rank: 0, error: error), report) }
    abort(world, status: report(error, world.rank))
  }
  try family.close()
  try check(MPI_Finalize(), "MPI_Finalize")
  return result
}

#if DEBUG
  /// Leaves MPI and the process with 0 as if the work were done; a defect that only tests ask for.
  ///
  /// - MPI standard: 3.1, section 8.7 (`MPI_Finalize`).
  public func finalizeEarly() -> Never {
    MPI_Finalize()
    _exit(0)
  }
#endif

/// Ends the job at once, whatever the other ranks are doing.
private func abort(_ world: Communicator, status: Int32) -> Never {
  let status = status == 0 ? failureStatus : status
  // The abort drops what is still buffered, and with it the message.
  fflush(nil)
  MPI_Abort(world.handle, status)
  // `exit` would run MPI's own handlers on a job that is gone.
  _exit(status)
}

/// Ends the job in order.
///
/// The message is out before any rank leaves, for mpirun ends the others as soon as one has left with
/// a status other than zero.
private func leave(
  _ world: Communicator, _ failure: AgreedFailure, _ report: (any Error, Int) -> Int32
) -> Never {
  var status: Int32 = 0
  if failure.rank == world.rank { status = report(failure.error ?? failure, world.rank) }
  fflush(nil)
  do {
    status = try world.broadcast(status, root: failure.rank)
    try world.barrier()
    try check(MPI_Finalize(), "MPI_Finalize")
  } catch {
    abort(world, status: status)
  }
  exit(status == 0 ? failureStatus : status)
}

/// The status of a failure whose report gave none: "internal, or a rank failed".
private let failureStatus: Int32 = 70

/// A failure that all ranks know of, so that they can end in order with one message.
public struct AgreedFailure: Error, CustomStringConvertible {
  /// The lowest rank that failed; it reports.
  public let rank: Int
  /// The error, on that rank only.
  public let error: (any Error)?

  /// The error, or where it happened.
  public var description: String { error.map { "\($0)" } ?? "rank \(rank) failed" }
}

extension Communicator {
  /// Runs `body` on every rank and makes all of them fail if one does.
  ///
  /// For work that may fail on some ranks, or on all for the same reason: opening files, checking
  /// data. All ranks must call it, and `body` must contain no collective.
  ///
  /// - Parameter body: this rank's work.
  /// - Returns: what `body` returned on this rank.
  /// - Throws: ``AgreedFailure`` on all ranks if `body` threw on one, or ``MPIError``.
  /// - Cost: one reduction of a number.
  public func agree<Result>(_ body: () throws -> Result) throws -> Result {
    var result: Result?
    var failure: (any Error)?
    do {
      result = try body()
    } catch {
      failure = error
    }
    let mine = Int32(failure == nil ? size : rank)
    let first = Int(try allReduce(mine, by: .minimum))
    guard first == size, let result else {
      throw AgreedFailure(rank: first, error: first == rank ? failure : nil)
    }
    return result
  }
}
