import Datasets
import Foundation

extension RunFolder {
  /// What the fields of the training data stand for, as JSON.
  public var meanings: String { path + "/fields.json" }

  /// Writes down what the fields of the training data stand for, once.
  ///
  /// - Parameters:
  ///   - dataset: the training data.
  ///   - fields: the fields that the model reads or predicts.
  /// - Throws: what writing throws.
  func recordMeanings(_ dataset: Dataset, _ fields: [String]) throws {
    guard !FileManager.default.fileExists(atPath: meanings) else { return }
    var known: [String: FieldMeaning] = [:]
    for field in fields { known[field] = try dataset.meaning(of: field) }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    try write(String(decoding: try encoder.encode(known), as: UTF8.self) + "\n", to: meanings)
  }

  /// Refuses data whose fields stand for something else than those the run was trained with.
  ///
  /// Runs of earlier versions have not written it down; theirs are not checked.
  ///
  /// - Parameters:
  ///   - dataset: the other data.
  ///   - fields: the fields that are read.
  /// - Throws: ``TrainingError`` with status `badData`, naming file, field and difference.
  func requireMeanings(of dataset: Dataset, _ fields: [String]) throws {
    guard let text = FileManager.default.contents(atPath: meanings),
      let known = try? JSONDecoder().decode([String: FieldMeaning].self, from: text)
    else { return }
    for field in fields {
      guard let wanted = known[field], let found = try dataset.meaning(of: field),
        let difference = found.difference(from: wanted)
      else { continue }
      throw TrainingError(
        .badData,
        "\(dataset.name), field '\(field)': \(difference), so the run would misread it; make it a split of the"
          + " recipe that made the training data, whose statistics and names all splits share")
    }
  }
}
