import Foundation

/// Starts built programs on several ranks of this machine.
public enum Mpirun {
  // Two jobs at once on a small machine would only wait for each other's spinning ranks.
  private static let one = NSLock()

  /// What makes Open MPI run in a container, as root, with more ranks than cores.
  public static let environment = [
    "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1",
    // A trap that a test provokes need not be explained for seconds.
    "SWIFT_BACKTRACE": "enable=no",
  ]

  /// Runs a built program under `mpirun` and waits for all ranks.
  ///
  /// - Parameters:
  ///   - ranks: how many.
  ///   - program: the product's name, or a path with a slash.
  ///   - arguments: its arguments.
  ///   - environment: variables for all ranks.
  ///   - timeout: seconds the job may take; then `mpirun` ends it with 110, and what is left is ended
  ///     by us.
  ///   - currentDirectory: where the ranks run.
  /// - Returns: how `mpirun` ended, with the output of all ranks.
  /// - Throws: ``ProcessFailure`` if the program was not built, or nothing ended the job.
  public static func run(
    ranks: Int, _ program: String, _ arguments: [String] = [],
    environment: [String: String] = [:], timeout: Int = 60, currentDirectory: String? = nil
  ) throws -> ProcessResult {
    let path = program.contains("/") ? program : try Products.program(program)
    let options = [
      "--oversubscribe", "--allow-run-as-root", "--bind-to", "none", "--timeout", "\(timeout)",
      "-np", "\(ranks)", path,
    ]
    return try alone {
      try runProcess(
        "mpirun", options + arguments, environment: Self.environment.merging(environment) { $1 },
        timeout: Double(timeout) + 10, currentDirectory: currentDirectory)
    }
  }

  /// Runs `body` while no other job of this process runs.
  static func alone<Result>(_ body: () throws -> Result) rethrows -> Result {
    try one.withLock(body)
  }
}
