/// Collects what is wrong while a document is decoded.
///
/// Decoding goes on after a problem with a stand-in value, so that all problems are told at once;
/// nothing built from a stand-in leaves, because `throwIfAny` ends the decoding.
final class Problems {
  private var list: [ConfigurationError.Problem] = []

  /// How many problems there are; a section that leaves it unchanged was sound.
  var count: Int { list.count }

  /// Whether something is wrong with the very value at a path.
  func has(at path: String) -> Bool { list.contains { $0.path == path } }

  /// Notes a problem at a place.
  func add(_ path: String, _ place: DocumentNode.Place, _ message: String) {
    switch place {
    case .line(let line):
      list.append(.init(path: path, line: line, override: nil, message: message))
    case .override(let text):
      list.append(.init(path: path, line: nil, override: text, message: message))
    case .document:
      list.append(.init(path: path, line: nil, override: nil, message: message))
    }
  }

  /// Throws all problems, in the order of the file, those of overrides last.
  func throwIfAny(name: String) throws {
    guard !list.isEmpty else { return }
    let ordered = list.enumerated().sorted { left, right in
      let (a, b) = (Self.rank(left.element), Self.rank(right.element))
      return a == b ? left.offset < right.offset : a < b
    }
    throw ConfigurationError(code: .invalid, name: name, problems: ordered.map(\.element))
  }

  private static func rank(_ problem: ConfigurationError.Problem) -> Int {
    problem.override == nil ? problem.line ?? 0 : Int.max
  }
}
