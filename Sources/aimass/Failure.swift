import ArgumentParser
import Checkpoints
import Configuration
import CountedModels
import Datasets
import HDF5
import MPI
import Metrics
import Models
import Optimizers
import Preparation
import Pruning
import Reports
import Tensors
import Training

/// From the rooms' errors to one sentence and the documented exit code.
enum Failure {
  /// Prints the error as one message on the error output.
  static func report(_ error: any Error, rank: Int?) {
    let who = rank.map { "aimass: rank \($0): " } ?? "aimass: "
    StandardOutput.write("\(who)\("\(error)".visible)\n", to: 2)
  }

  /// What the command ends with, or nil for an error of no room.
  static func status(of error: any Error) -> ExitStatus? {
    switch error {
    case let error as TrainingError: error.status
    case let error as ConfigurationError:
      error.code == .missing ? .missingInput : .badConfiguration
    case let error as PruningError: error.code == .nonFinite ? .nonFinite : .badConfiguration
    case is ModelError, is OptimizerError, is MetricError, is KernelError: .badConfiguration
    case let error as CountedModelError: error.code == .data ? .badData : .badConfiguration
    case let error as CheckpointError: status(of: error.code)
    case let error as HDF5Error: status(of: error.code)
    case let error as DatasetError: status(of: error.code)
    case let error as PreparationError: status(of: error.code)
    case is ReportError: .inputOutput
    case is MPIError: .failure
    default: nil
    }
  }

  private static func status(of code: CheckpointError.Code) -> ExitStatus {
    switch code {
    case .damaged: .badData
    case .missing: .missingInput
    case .newerVersion: .newerVersion
    case .cannotCreate: .cannotCreate
    case .inputOutput, .noSpace: .inputOutput
    case .locked: .locked
    case .badConfiguration: .badConfiguration
    }
  }

  private static func status(of code: HDF5Error.Code) -> ExitStatus {
    switch code {
    case .notFound: .missingInput
    case .exists: .cannotCreate
    case .newerVersion: .newerVersion
    case .ioFailure: .inputOutput
    case .notHDF5, .damaged, .typeMismatch, .shapeMismatch, .refused, .library: .badData
    }
  }

  private static func status(of code: DatasetError.Code) -> ExitStatus {
    switch code {
    case .missing: .missingInput
    case .damaged, .mismatch, .label, .nonFinite: .badData
    case .newerVersion: .newerVersion
    case .cannotCreate: .cannotCreate
    case .ioFailure: .inputOutput
    case .configuration: .badConfiguration
    }
  }

  private static func status(of code: PreparationError.Code) -> ExitStatus {
    switch code {
    case .missingSource: .missingInput
    case .badData: .badData
    case .badRecipe: .badConfiguration
    case .cannotWrite: .cannotCreate
    case .ranksDisagree: .ranksDisagree
    }
  }
}
