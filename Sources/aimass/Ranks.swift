import ArgumentParser
import BLAS
import FaultPoints
@preconcurrency import Glibc
import MPI
import Training

/// Runs a command's work on every rank and ends all of them with one status.
enum Ranks {
  /// Starts MPI, runs `body`, and ends the process.
  ///
  /// - Parameters:
  ///   - threads: which threads may call MPI.
  ///   - computing: how many threads each rank computes on.
  ///   - body: the work of one rank; its status must be equal on all ranks.
  /// - Throws: `ExitCode` with a status other than 0, or `MPIError` if MPI cannot start.
  static func run(
    threads: ThreadLevel = .funneled, computing: ThreadChoice = .count(1),
    _ body: (Communicator) throws -> ExitStatus
  ) throws {
    setvbuf(stdout, nil, Int32(_IOLBF), 0)
    BLAS.start()
    let isOneOfSeveral = MPIEnvironment.isUnderLauncher
    let status = try withWorld(threads: threads) { world in
      #if DEBUG
        // Faults happen where the rank is, on the thread that calls MPI.
        nonisolated(unsafe) let world = world
        FaultPoint.define("finalize") { world.finalizeEarly() }
      #endif
      return try computing.run(world) { try body(world) }
    } onFailure: { error, rank in
      Failure.report(error, rank: isOneOfSeveral ? rank : nil)
      return (Failure.status(of: error) ?? .failure).rawValue
    }
    guard status == .done else { throw ExitCode(status.rawValue) }
  }
}
