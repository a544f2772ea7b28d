extension DocumentNode {
  /// Blocks that may be written with a bare value, and the key it stands for.
  ///
  /// An override may then address the key although the file has the short form.
  static let shortForms = [
    "linear": "out", "maxPool": "size", "averagePool": "size", "dropout": "rate",
    "leakyRelu": "slope", "huber": "delta",
    "gru": "hidden", "lstm": "hidden", "ctc": "blank", "beam": "width",
    "g711": "law",
  ]

  /// Applies one override `a.b.c=value`; the value is read as YAML.
  ///
  /// List elements are addressed by their index. A missing map on the way is made; an empty value
  /// or `null` takes the key away.
  mutating func apply(override text: String, into problems: Problems) {
    let place = Place.override(text)
    guard let equals = text.firstIndex(of: "=") else {
      problems.add("", place, "expected key=value, as in train.epochs=3")
      return
    }
    let path = text[..<equals].split(separator: ".", omittingEmptySubsequences: false)
      .map { $0.trimmed }
    guard !path.contains("") else {
      problems.add("", place, "expected a dotted path before =, as in train.epochs=3")
      return
    }
    let written = String(text[text.index(after: equals)...])
    guard let value = DocumentNode.parse(yaml: written, into: problems, placed: text) else {
      return
    }
    set(path[...], to: value, walked: [], place: place, problems)
  }

  private mutating func set(
    _ path: ArraySlice<String>, to value: DocumentNode, walked: [String], place: Place,
    _ problems: Problems
  ) {
    guard let key = path.first else {
      self = value
      return
    }
    expandShortForm(of: walked.last, for: key, place: place)
    let rest = path.dropFirst()
    switch content {
    case .map(var entries):
      // Emptied first, so that the entries are changed in place.
      content = .map([])
      if let index = entries.firstIndex(where: { $0.key == key }) {
        entries[index].value.set(
          rest, to: value, walked: walked + [key], place: place, problems)
      } else {
        var made = DocumentNode(place: place, content: .map([]))
        made.set(rest, to: value, walked: walked + [key], place: place, problems)
        entries.append(Entry(key: key, place: place, value: made))
      }
      content = .map(entries)
    case .list(var elements):
      guard let index = Int(key), elements.indices.contains(index) else {
        let range = elements.isEmpty ? "the list is empty" : "an index in 0 ..< \(elements.count)"
        problems.add(
          (walked + [key]).joined(separator: "."), place,
          elements.isEmpty ? range : "expected \(range), found \(key)")
        return
      }
      elements[index].set(rest, to: value, walked: walked + [key], place: place, problems)
      content = .list(elements)
    case .scalar:
      problems.add(
        walked.joined(separator: "."), place, "holds \(summary), which has no key `\(key)`")
    }
  }

  /// Makes `linear: 10` into `linear: {out: 10}`, `adam` into `{adam: {}}`, and nothing into a map.
  private mutating func expandShortForm(of parent: String?, for key: String, place: Place) {
    guard case .scalar(let text, _) = content else {
      if case .list = content, parent.flatMap({ Self.shortForms[$0] }) == key {
        content = .map([Entry(key: key, place: self.place, value: self)])
      }
      return
    }
    if isNothing {
      self = DocumentNode(place: place, content: .map([]))
    } else if text == key {
      let options = DocumentNode(place: self.place, content: .map([]))
      content = .map([Entry(key: key, place: self.place, value: options)])
    } else if let parent, Self.shortForms[parent] != nil {
      let short = Self.shortForms[parent] ?? key
      content = .map([Entry(key: short, place: self.place, value: self)])
    }
  }
}

extension Substring {
  /// Without blanks at either end.
  fileprivate var trimmed: String {
    let start = drop { $0 == " " }
    return String(start.reversed().drop { $0 == " " }.reversed())
  }
}
