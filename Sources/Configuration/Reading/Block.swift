/// A named thing with options: `relu`, `dropout: 0.5`, `{conv: {out: 20, kernel: 5}}`.
struct Block {
  /// The name, one of the vocabulary.
  let name: String
  /// The options as a value; nothing where only the name was written.
  let argument: ValueReader

  /// Reads a name, or a map with the name as its only key.
  init?(_ value: ValueReader, sort: String, known: [KeySection]) {
    let names = known.map(\.block)
    let written: String
    switch value.node.content {
    case .scalar(let text, _) where !value.node.isNothing:
      written = text
      let nothing = DocumentNode(place: value.node.place, content: .scalar("", quoted: false))
      argument = ValueReader(
        node: nothing, path: Self.join(value.path, text), problems: value.problems)
    case .map(let entries) where entries.count(where: { !$0.value.isRemoved }) == 1:
      let entry = entries.filter { !$0.value.isRemoved }[0]
      written = entry.key
      argument = ValueReader(
        node: entry.value, path: Self.join(value.path, entry.key), problems: value.problems)
    case .map(let entries) where entries.count > 1:
      value.fail(
        "expected one \(sort), found \(entries.map(\.key).joined(separator: " and "))")
      return nil
    default:
      value.expected("\(Self.article(sort)), as in \(names.first ?? "")")
      return nil
    }
    guard names.contains(written) else {
      value.fail(Spelling.unknown(sort, written, known: names))
      return nil
    }
    name = written
  }

  /// The options as a map; a bare value counts as the key `shorthand`.
  func options(_ section: KeySection, shorthand: String? = nil) -> MapReader {
    var node = argument.node
    if node.isNothing {
      node = DocumentNode(place: node.place, content: .map([]))
    } else if let shorthand, !node.isMap {
      node = DocumentNode(
        place: node.place,
        content: .map([.init(key: shorthand, place: node.place, value: argument.node)]))
    }
    return MapReader(
      ValueReader(node: node, path: argument.path, problems: argument.problems), section)
  }

  private static func join(_ path: String, _ key: String) -> String {
    path.isEmpty ? key : "\(path).\(key)"
  }

  private static func article(_ sort: String) -> String {
    "aeiou".contains(sort.first ?? "x") ? "an \(sort)" : "a \(sort)"
  }
}

extension DocumentNode {
  /// Whether the value is a map.
  fileprivate var isMap: Bool {
    if case .map = content { return true }
    return false
  }
}
