import Datasets
import Foundation

extension RunFolder {
  /// What the fields of the training data stand for, as JSON.
  public var meanings: String { path + "/fields.json" }

  /// Writes down what the fields of the training data stand for, once; anew where the file is damaged.
  ///
  /// - Parameters:
  ///   - dataset: the training data.
  ///   - fields: the fields that the model reads or predicts.
  /// - Throws: what reading or writing throws.
  func recordMeanings(_ dataset: Dataset, _ fields: [String]) throws {
    let recorded = try? recordedMeanings()
    if recorded != nil { return }
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
  /// - Throws: ``TrainingError`` with status `badData`, naming file, field and difference, or a damaged file.
  func requireMeanings(of dataset: Dataset, _ fields: [String]) throws {
    guard let known = try recordedMeanings() else { return }
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

  /// What was written down; nil where nothing was.
  private func recordedMeanings() throws -> [String: FieldMeaning]? {
    let text: Data
    do {
      text = try Data(contentsOf: URL(fileURLWithPath: meanings))
    } catch CocoaError.fileReadNoSuchFile {
      return nil
    } catch {
      throw TrainingError(.inputOutput, "\(meanings) cannot be read: \(error.localizedDescription)")
    }
    do {
      return try JSONDecoder().decode([String: FieldMeaning].self, from: text)
    } catch {
      throw TrainingError(
        .badData,
        "\(meanings) is damaged, so nobody can tell whether the run would misread other data; restore it, or"
          + " delete it to use other data unchecked")
    }
  }
}
