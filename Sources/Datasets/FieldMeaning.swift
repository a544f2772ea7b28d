import Buffers
import HDF5

/// What the numbers of a field stand for in a sample file: a model that has learned one meaning is wrong about
/// any other, though types and shapes agree.
public struct FieldMeaning: Codable, Sendable, Equatable {
  /// The names of classes or the words of a vocabulary, by their SHA-256; nil where there are none.
  public let names: String?
  /// The names of a table's columns.
  public let columns: [String]?
  /// What was subtracted from the numbers, or is when they are read.
  public let mean: [Double]?
  /// What the numbers are divided by.
  public let std: [Double]?

  /// Says in what two meanings differ; nil where they do not.
  ///
  /// What one of them leaves open is no difference.
  public func difference(from other: FieldMeaning) -> String? {
    if let names, let wanted = other.names, names != wanted {
      return "its classes or words have other names or another order"
    }
    if let columns, let wanted = other.columns, columns != wanted {
      let place = zip(columns, wanted).enumerated().first { $1.0 != $1.1 }?.offset
      return place.map { "column \($0) is '\(columns[$0])' and not '\(wanted[$0])'" }
        ?? "it has \(columns.count) columns and not \(wanted.count)"
    }
    for (word, own, wanted) in [("mean", mean, other.mean), ("deviation", std, other.std)] {
      guard let own, let wanted, own != wanted else { continue }
      return "its numbers are scaled by another \(word)"
    }
    return nil
  }
}

extension Dataset {
  /// What the numbers of a field stand for; nil for a user's own file, which does not say.
  ///
  /// - Parameter field: the field's name.
  /// - Returns: the meaning in the first file.
  /// - Throws: ``DatasetError`` where the file is damaged.
  public func meaning(of field: String) throws(DatasetError) -> FieldMeaning? {
    guard let plan = plans.first(where: { $0.name == field }), plan.readsAttributes,
      let file = files.first
    else { return nil }
    let groups = SplitRole.allCases.map { configuration.splits[$0.rawValue] ?? $0.rawValue }
    return try border { () throws(HDF5Error) in
      var path: String?
      for candidate in groups.map(plan.path(in:)) where path == nil {
        if try file.root.member(candidate) != nil { path = candidate }
      }
      guard let path else { return nil }
      let owner = try FieldDatasets(file.root, path).attributed
      let classes = try owner.plainAttribute("classes")?.asTexts?.map { Array($0.utf8) }
      let (mean, std) = (
        try owner.plainAttribute("mean")?.asNumbers, try owner.plainAttribute("std")?.asNumbers
      )
      return FieldMeaning(
        names: (classes ?? vocabulary(of: field)?.words).map(Self.digest),
        columns: try owner.plainAttribute("columns")?.asTexts,
        mean: plan.mean ?? mean, std: plan.std ?? std)
    }
  }

  private static func digest(_ texts: [[UInt8]]) -> String {
    var hash = SHA256()
    for text in texts {
      hash.update("\(text.count) ")
      text.withUnsafeBytes { hash.update($0) }
    }
    return hash.hexadecimal()
  }
}
