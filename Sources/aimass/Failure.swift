import ArgumentParser
import Checkpoints
import Configuration
import Datasets
import Glibc
import HDF5
import Metrics
import Models
import MPI
import Optimizers
import Preparation
import Tensors
import Training

/// From the rooms' errors to one sentence and the documented exit code.
enum Failure {
  /// Whether the error comes from a room of ours and not from the command-line parser.
  static func isOurs(_ error: any Error) -> Bool {
    !(error is ExitCode || error is CleanExit || error is ValidationError)
      && !"\(type(of: error))".contains("CommandError")
  }

  /// Prints the error as one message on the error output.
  static func report(_ error: any Error, rank: Int?) {
    let who = rank.map { "aimass: rank \($0): " } ?? "aimass: "
    fputs("\(who)\(error)\n", stderr)
  }

  /// What the command ends with.
  static func status(of error: any Error) -> ExitStatus {
    switch error {
    case let error as TrainingError: error.status
    case is ConfigurationError, is ModelError, is OptimizerError, is MetricError, is KernelError:
      .badConfiguration
    case let error as CheckpointError: status(of: error)
    case let error as HDF5Error: status(of: error)
    case let error as DatasetError: status(of: error)
    case let error as PreparationError: status(of: error)
    default: .failure
    }
  }
}
