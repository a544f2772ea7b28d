import Configuration
import CountedModels
import Datasets

/// The parts of a counted run that follow from configuration and data alone, without MPI.
///
/// `train`, `plan` and `evaluate` share it, so a plan cannot promise what training would refuse.
public struct CountedSetUp {
  /// The configuration.
  public let configuration: CountedRunConfiguration
  /// All files of the run.
  public let dataset: Dataset
  /// What is fitted.
  public let training: Split
  /// What is measured while fitting, if there is such a split.
  public let validation: Split?
  /// U: rows of users.
  public let users: Int
  /// I: rows of items.
  public let items: Int

  let interactions: InteractionReader

  /// Opens the data and counts users and items.
  ///
  /// - Parameters:
  ///   - configuration: the run.
  ///   - folder: the folder that relative paths start from.
  /// - Throws: ``TrainingError``, or the errors of `Datasets`.
  public init(_ configuration: CountedRunConfiguration, relativeTo folder: String) throws {
    self.configuration = configuration
    let settings = configuration.factorization
    dataset = try Dataset(ofJob: configuration.data, relativeTo: folder, fields: settings.fields)
    guard let training = try dataset.split(.train), training.count > 0 else {
      throw TrainingError(.badData, "\(dataset.name): there is no training split, or it is empty")
    }
    self.training = training
    validation = try dataset.split(.validation)
    interactions = try Self.reader(training, settings)
    var largest = (user: -1, item: -1)
    if interactions.userVocabulary == nil || interactions.itemVocabulary == nil {
      try interactions.forEach {
        largest = (max(largest.user, $0.user), max(largest.item, $0.item))
      }
    }
    users = interactions.userVocabulary ?? largest.user + 1
    items = interactions.itemVocabulary ?? largest.item + 1
    guard users <= Int(Int32.max), items <= Int(Int32.max) else {
      throw TrainingError(
        .badData,
        "\(dataset.name): expected ids below 2^31, found \(max(users, items) - 1); number users "
          + "and items from 0 without gaps")
    }
  }

  /// A split as the run's interactions.
  static func reader(
    _ split: Split, _ settings: FactorizationConfiguration
  ) throws -> InteractionReader {
    try InteractionReader(
      split, user: settings.user, item: settings.item, value: settings.value)
  }

  /// One rank's share of the model.
  func model(rank: Int, of ranks: Int) throws -> AlternatingLeastSquares {
    try AlternatingLeastSquares(
      configuration.factorization, seed: configuration.seed, users: users, items: items,
      rank: rank, of: ranks
    ) { visit in
      try interactions.forEach { visit($0.user, $0.item, $0.value) }
    }
  }
}
