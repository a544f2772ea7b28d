import Checkpoints
import Configuration
import CountedModels
import Datasets
import Foundation
import MPI
import Metrics
import Parameters

/// A counted run's parameters of one of its checkpoints, ready to evaluate or to recommend.
public final class CountedRun {
  /// The configuration the run was fitted with.
  public let configuration: CountedRunConfiguration
  /// The split to run on.
  public let split: Split
  /// The parameters.
  public let store: ParameterStore
  /// The step of the checkpoint.
  public let step: Int
  /// What each user is not to be shown: the items of the training split.
  public let seen: ItemLists

  let setUp: CountedSetUp

  /// Loads parameters and data.
  ///
  /// - Parameters:
  ///   - request: what to load.
  ///   - configuration: that of the run.
  /// - Throws: ``TrainingError``, or the errors of the rooms.
  public init(
    _ request: TrainedModel.Request, _ configuration: CountedRunConfiguration
  ) throws {
    let folder = RunFolder(request.run)
    let origin = (try? String(contentsOfFile: folder.origin, encoding: .utf8)) ?? request.run
    self.configuration = configuration
    setUp = try CountedSetUp(configuration, relativeTo: origin)
    seen = try setUp.seenItems()
    var dataset = setUp.dataset
    if let data = request.data {
      var other = configuration.data
      other.files = [data]
      dataset = try Dataset(
        ofJob: other, relativeTo: FileManager.default.currentDirectoryPath,
        fields: configuration.factorization.fields)
    }
    guard let split = try dataset.split(request.split) else {
      throw TrainingError(
        .missingInput, "\(dataset.name) has no \(request.split.rawValue) split; choose --split")
    }
    self.split = split
    store = ParameterStore(
      AlternatingLeastSquares.layout(
        configuration.factorization, users: setUp.users, items: setUp.items))
    step = try TrainedModel.load(request.choice, folder, into: store).manifest.step
  }

  /// Measures the split on all ranks.
  ///
  /// - Parameters:
  ///   - world: all ranks.
  ///   - metrics: what to measure; empty: the run's own.
  /// - Returns: the result, equal on all ranks.
  /// - Throws: what reading, the metrics or MPI throw.
  public func evaluate(
    _ world: Communicator, metrics: [MeasuredMetric]
  ) throws -> EvaluationOutcome {
    try CountedMeasure(configuration: configuration, seen: seen)
      .measure(split, store: store, metrics: metrics, world)
  }
}

/// A run of either kind with the weights of one of its checkpoints.
public enum LoadedRun {
  /// A network trained by gradients.
  case network(TrainedModel)
  /// A model fitted by counting.
  case counted(CountedRun)

  /// Loads a run of either kind.
  ///
  /// - Parameter request: what to load.
  /// - Throws: ``TrainingError``, or the errors of the rooms.
  public init(_ request: TrainedModel.Request) throws {
    switch try Self.configuration(of: request.run) {
    case .network: self = .network(try TrainedModel(request))
    case .counted(let configuration): self = .counted(try CountedRun(request, configuration))
    }
  }

  /// The configuration in a run folder.
  ///
  /// - Throws: ``TrainingError`` with status `missingInput` where the folder is none, or
  ///   `ConfigurationError`.
  public static func configuration(of run: String) throws -> ConfiguredRun {
    let folder = RunFolder(run)
    guard FileManager.default.fileExists(atPath: folder.configuration) else {
      throw TrainingError(.missingInput, "\(run) is no run folder: config.yaml is missing")
    }
    return try ConfiguredRun.load(path: folder.configuration)
  }

  /// The run's name.
  public var name: String {
    switch self {
    case .network(let run): run.configuration.name
    case .counted(let run): run.configuration.name
    }
  }

  /// The step of the checkpoint.
  public var step: Int {
    switch self {
    case .network(let run): run.step
    case .counted(let run): run.step
    }
  }

  /// Measures the split on all ranks.
  ///
  /// - Parameters:
  ///   - world: all ranks.
  ///   - metrics: what to measure; empty: the run's own.
  /// - Returns: the result, equal on all ranks.
  /// - Throws: what reading, the metrics or MPI throw.
  public func evaluate(
    _ world: Communicator, metrics: [MeasuredMetric]
  ) throws -> EvaluationOutcome {
    switch self {
    case .network(let run): try run.evaluate(world, metrics: metrics)
    case .counted(let run): try run.evaluate(world, metrics: metrics)
    }
  }
}
