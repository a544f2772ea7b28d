import Yams

// The wall around the YAML library: no other file of the package imports it.

extension DocumentNode {
  /// Values a document may hold, aliases expanded; stops documents that explode by their aliases.
  static let valueLimit = 100_000
  /// Lists and maps a value may lie in.
  static let depthLimit = 100

  /// Reads a text as one YAML document; nil with a problem noted where that fails.
  ///
  /// The library gives up at the first duplicate key. To tell all problems at once, the first of
  /// two equal keys is marked in the text and the text read again; the mark becomes a problem here.
  static func parse(yaml: String, into problems: Problems, placed override: String? = nil)
    -> DocumentNode?
  {
    var text = yaml
    if text.unicodeScalars.first == "\u{FEFF}" { text.unicodeScalars.removeFirst() }
    let fallback: Place = override.map(Place.override) ?? .document
    for _ in 0..<duplicateLimit {
      do {
        guard let root = try Yams.compose(yaml: text, .basic, .default, .utf8) else {
          return DocumentNode(place: fallback, content: .scalar("", quoted: false))
        }
        var conversion = Conversion(problems: problems, override: override)
        return conversion.convert(root, path: "", depth: 0)
      } catch YamlError.duplicatedKeysInMapping(let keys, let context) {
        if let marked = mark(text, line: context.mark.line, column: context.mark.column) {
          text = marked
          continue
        }
        let place = override.map(Place.override) ?? .line(context.mark.line)
        problems.add(keys.first ?? "", place, "duplicate key")
        return nil
      } catch {
        let (line, message) = explain(error, in: text)
        let place = override.map(Place.override) ?? line.map(Place.line) ?? .document
        problems.add("", place, message)
        return nil
      }
    }
    problems.add("", fallback, "more than \(duplicateLimit) duplicate keys")
    return nil
  }

  private static let duplicateLimit = 50
  /// A private-use character in front of a key that occurs again.
  private static let duplicateMark: Unicode.Scalar = "\u{E000}"

  /// The text with a mark before the key at a place, or nil where the key is no simple text.
  private static func mark(_ text: String, line: Int, column: Int) -> String? {
    var scalars = text.unicodeScalars
    var index = scalars.startIndex
    var current = 1
    while current < line {
      guard index < scalars.endIndex else { return nil }
      let scalar = scalars[index]
      index = scalars.index(after: index)
      if scalar == "\r", index < scalars.endIndex, scalars[index] == "\n" { continue }
      if ["\n", "\r", "\u{85}", "\u{2028}", "\u{2029}"].contains(scalar) { current += 1 }
    }
    guard
      let start = scalars.index(index, offsetBy: column - 1, limitedBy: scalars.endIndex),
      start < scalars.endIndex
    else { return nil }
    switch scalars[start] {
    case "\"", "'": scalars.insert(duplicateMark, at: scalars.index(after: start))
    case "&", "*", "!", "[", "{", "?", "|", ">": return nil
    default: scalars.insert(duplicateMark, at: start)
    }
    return String(scalars)
  }

  /// The line and the sentence of an error of the library.
  private static func explain(
    _ error: any Error, in text: String
  ) -> (line: Int?, message: String) {
    func sentence(_ context: YamlError.Context?, _ problem: String, _ mark: Mark) -> String {
      let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
      if problem.contains("cannot start any token"), lines.indices.contains(mark.line - 1),
        lines[mark.line - 1].drop(while: { $0 == " " }).hasPrefix("\t")
      {
        return "not valid YAML: indented by a tab; use blanks"
      }
      let place = "not valid YAML at column \(mark.column): "
      guard let context else { return place + problem }
      return place + "\(context.text) from line \(context.mark.line), \(problem)"
    }
    switch error {
    case YamlError.scanner(let context, let problem, let mark, _),
      YamlError.parser(let context, let problem, let mark, _):
      return (mark.line, sentence(context, problem, mark))
    case YamlError.composer(let context, let problem, let mark, _):
      if context != nil {
        return (mark.line, "expected one document, found a second one after `---`")
      }
      return (mark.line, sentence(context, problem, mark))
    case YamlError.reader(let problem, let offset, _, _):
      return (nil, "not valid YAML at byte \(offset ?? 0): \(problem)")
    default:
      return (nil, "not valid YAML: \(error)")
    }
  }

  /// Turns the library's tree into ours.
  private struct Conversion {
    let problems: Problems
    let override: String?
    var values = 0

    private func place(_ mark: Mark?) -> Place {
      if let override { return .override(override) }
      return mark.map { .line($0.line) } ?? .document
    }

    mutating func convert(_ node: Node, path: String, depth: Int) -> DocumentNode? {
      values += 1
      let place = place(node.mark)
      guard values <= valueLimit else {
        // Told once; the rest is given up by every caller.
        if values == valueLimit + 1 {
          problems.add(path, place, "more than \(valueLimit) values, aliases expanded")
        }
        return nil
      }
      guard depth <= depthLimit else {
        problems.add(path, place, "nested more than \(depthLimit) deep")
        return nil
      }
      switch node {
      case .scalar(let scalar):
        let quoted = scalar.style != .plain && scalar.style != .any
        return DocumentNode(place: place, content: .scalar(scalar.string, quoted: quoted))
      case .sequence(let sequence):
        var elements: [DocumentNode] = []
        for element in sequence {
          let inner = path.isEmpty ? "\(elements.count)" : "\(path).\(elements.count)"
          guard let value = convert(element, path: inner, depth: depth + 1) else { return nil }
          elements.append(value)
        }
        return DocumentNode(place: place, content: .list(elements))
      case .mapping(let mapping):
        return convert(mapping, place: place, path: path, depth: depth)
      case .alias:
        problems.add(path, place, "an alias that cannot be followed")
        return nil
      }
    }

    private mutating func convert(
      _ mapping: Node.Mapping, place: Place, path: String, depth: Int
    ) -> DocumentNode? {
      var entries: [Entry] = []
      var earlier: [(key: String, place: Place, path: String)] = []
      for (key, value) in mapping {
        let keyPlace = self.place(key.mark)
        guard case .scalar(let scalar) = key else {
          problems.add(path, keyPlace, "expected a name as key, found a list or map")
          continue
        }
        let name = String(
          String.UnicodeScalarView(
            scalar.string.unicodeScalars.drop { $0 == duplicateMark }))
        let inner = path.isEmpty ? name : "\(path).\(name)"
        guard let converted = convert(value, path: inner, depth: depth + 1) else { return nil }
        if scalar.string.unicodeScalars.first == duplicateMark {
          earlier.append((name, keyPlace, inner))
        } else if let first = entries.first(where: { $0.key == name }) {
          report(inner, at: keyPlace, earlier: first.place)
        } else {
          entries.append(Entry(key: name, place: keyPlace, value: converted))
        }
      }
      for duplicate in earlier {
        let last = entries.first { $0.key == duplicate.key }
        report(duplicate.path, at: last?.place ?? duplicate.place, earlier: duplicate.place)
      }
      return DocumentNode(place: place, content: .map(entries))
    }

    private func report(_ path: String, at place: Place, earlier: Place) {
      if case .line(let line) = earlier {
        problems.add(path, place, "duplicate key, already given at line \(line)")
      } else {
        problems.add(path, place, "duplicate key")
      }
    }
  }
}
