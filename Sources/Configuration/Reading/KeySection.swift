/// The keys that one map of a configuration may hold; the documentation is checked against them.
public struct KeySection: Sendable, Equatable {
  /// The section as the documentation names it: `train`, `layer conv`, `optimizer adam`.
  public let name: String
  /// The keys, in the order of the documentation.
  public let keys: [String]
  /// Keys of other documents or sections that make no sense here, with what to say of each.
  let refused: [String: String]

  /// The word that chooses a block: `conv` of `layer conv`.
  var block: String { String(name.split(separator: " ").last ?? "") }

  /// A section from its parts.
  init(_ name: String, _ keys: [String], refused: [String: String] = [:]) {
    self.name = name
    self.keys = keys
    self.refused = refused
  }
}
