import Configuration
import Foundation
import HDF5

/// Where one field is found in every file, and what the configuration says of it.
struct FieldPlan: Sendable {
  let name: String
  /// The dataset's path; `{split}` stands for the split's group.
  let path: String
  let kind: FieldConfiguration.Kind?
  let mean: [Double]?
  let std: [Double]?
  let classes: Int?
  /// True where `modality`, `classes`, `mean` and `std` are read from the dataset's attributes.
  let readsAttributes: Bool

  /// The path for the group of a split.
  func path(in group: String) -> String {
    path.replacingOccurrences(of: "{split}", with: group)
  }

  /// True if the path depends on the split.
  var hasSplit: Bool { path.contains("{split}") }

  /// The fields that the configuration lists, or those found in the first file.
  static func make(
    _ configuration: DataConfiguration, _ files: [OpenFile], needed: [String]?
  ) throws(DatasetError) -> [FieldPlan] {
    var plans: [FieldPlan] = []
    if configuration.fields.isEmpty {
      plans = try discover(files[0], configuration, needed)
    } else {
      plans = configuration.fields.map { field in
        FieldPlan(
          name: field.name, path: field.dataset, kind: field.kind, mean: field.mean,
          std: field.std, classes: field.classes, readsAttributes: files[0].isSampleFile)
      }
    }
    guard let needed else { return plans }
    return try needed.map { (name) throws(DatasetError) in
      guard let plan = plans.first(where: { $0.name == name }) else {
        let known = plans.map(\.name).joined(separator: ", ")
        throw DatasetError(
          .mismatch, "\(files[0].path): there is no field '\(name)'; there are: \(known)")
      }
      return plan
    }
  }

  /// The datasets of the first split's group of a file.
  private static func discover(
    _ file: OpenFile, _ configuration: DataConfiguration, _ needed: [String]?
  ) throws(DatasetError) -> [FieldPlan] {
    for role in SplitRole.allCases {
      let name = configuration.splits[role.rawValue] ?? role.rawValue
      let members = try border { () throws(HDF5Error) -> [(String, HDF5Group.Member?)]? in
        guard try file.root.member(name) == .group else { return nil }
        let group = try file.root.group(name)
        return try group.names().map { (member) throws(HDF5Error) in
          (member, try group.member(member))
        }
      }
      guard let members else { continue }
      let names = members.filter { $0.1 != .other }.map(\.0)
      guard !names.isEmpty else { continue }
      return names.map {
        FieldPlan(
          name: $0, path: "/{split}/\($0)", kind: nil, mean: nil, std: nil, classes: nil,
          readsAttributes: true)
      }
    }
    let names = (try? file.root.names())?.prefix(12).joined(separator: ", ") ?? ""
    throw DatasetError(
      .mismatch,
      "\(file.path): has no group train, validation or test with datasets (there are: \(names)); "
        + "name the datasets under data.fields")
  }
}
