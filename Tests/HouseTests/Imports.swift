/// The imports of a Swift file.
enum Imports {
  /// One import: the module and the attributes before it.
  struct Line: Equatable {
    let module: String
    let attributes: String
  }

  /// All imports, also of single declarations, with any attribute and access level.
  static func of(_ text: String) -> [Line] {
    let kinds = #/(?:struct|class|enum|protocol|func|var|let|typealias)\s+/#
    let pattern =
      #/^\s*(?<attributes>(?:@\w+(?:\([^)]*\))?\s+)*)(?:(?:public|package|internal|fileprivate|private)\s+)?import\s+(?<rest>.+)$/#
    return String(decoding: withoutComments(text), as: UTF8.self)
      .split(separator: "\n").compactMap { line in
        guard let match = try? pattern.wholeMatch(in: line) else { return nil }
        let named = match.output.rest.replacing(kinds, with: "", maxReplacements: 1)
        let module = named.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
        return Line(module: String(module), attributes: String(match.output.attributes))
      }
  }

  private static func withoutComments(_ text: String) -> [UInt8] { SwiftText.stripped(text) }
}
