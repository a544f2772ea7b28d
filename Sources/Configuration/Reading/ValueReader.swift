/// Reads one value strictly; what is wrong is noted and nil returned.
struct ValueReader {
  /// The value.
  let node: DocumentNode
  /// Its dotted path.
  let path: String
  /// Where problems go.
  let problems: Problems

  /// Notes a problem with this value.
  func fail(_ message: String) { problems.add(path, node.place, message) }

  /// Notes that something else was expected.
  func expected(_ what: String) { fail("expected \(what), found \(node.summary)") }

  /// Text; unquoted numbers and flags count as their text.
  func text(_ what: String = "text", mayBeEmpty: Bool = false) -> String? {
    guard case .scalar(let text, _) = node.content, !node.isNothing else {
      expected(what)
      return nil
    }
    if text.isEmpty, !mayBeEmpty {
      fail("expected \(what), found empty text")
      return nil
    }
    guard !text.unicodeScalars.contains("\u{0}") else {
      fail("expected \(what), found a NUL character")
      return nil
    }
    return text
  }

  /// A name that can be part of parameter names and file names.
  func name() -> String? {
    guard let text = text("a name") else { return nil }
    guard Self.isName(text) else {
      fail("expected a name of letters, digits, - and _, found \(node.summary)")
      return nil
    }
    return text
  }

  /// Whether a text is letters, digits, `-` and `_`, and does not begin with `-`.
  static func isName(_ text: String) -> Bool {
    guard !text.isEmpty, text.utf8.count <= 100, text.first != "-" else { return false }
    return text.unicodeScalars.allSatisfy {
      $0.isASCII && ($0.properties.isAlphabetic || $0.properties.numericType != nil)
        || $0 == "-" || $0 == "_"
    }
  }

  /// `true` or `false`.
  func flag() -> Bool? {
    guard case .scalar(let text, quoted: false) = node.content, text == "true" || text == "false"
    else {
      expected("true or false")
      return nil
    }
    return text == "true"
  }

  /// One of an enumeration's raw values.
  func choice<Choice: RawRepresentable & CaseIterable>(_ sort: String, of type: Choice.Type)
    -> Choice?
  where Choice.RawValue == String {
    guard let text = text("a \(sort)") else { return nil }
    if let choice = Choice(rawValue: text) { return choice }
    fail(Spelling.unknown(sort, text, known: Choice.allCases.map(\.rawValue)))
    return nil
  }

  /// The elements of a list, each with its index in the path.
  func elements(_ what: String = "a list") -> [ValueReader]? {
    guard case .list(let elements) = node.content else {
      expected(what)
      return nil
    }
    return elements.enumerated().map {
      ValueReader(node: $1, path: "\(path).\($0)", problems: problems)
    }
  }

  /// One text or a list of at least one.
  func texts(_ what: String) -> [String]? {
    if case .scalar = node.content { return text(what).map { [$0] } }
    guard let elements = elements("\(what) or a list of them") else { return nil }
    if elements.isEmpty { fail("expected at least one element, found an empty list") }
    return elements.compactMap { $0.text(what) }
  }

  /// A list of texts, which may be empty.
  func textList(_ what: String, mayBeEmpty: Bool = false) -> [String]? {
    elements("a list of \(what)")?.compactMap { $0.text(what, mayBeEmpty: mayBeEmpty) }
  }

  /// The lines of a map whose keys are free names, in order; those taken away are left out.
  func named(_ what: String) -> [(name: String, value: ValueReader)]? {
    guard case .map(let entries) = node.content else {
      expected("a map of \(what)")
      return nil
    }
    return entries.filter { !$0.value.isRemoved }.map { entry in
      let inner = path.isEmpty ? entry.key : "\(path).\(entry.key)"
      return (entry.key, ValueReader(node: entry.value, path: inner, problems: problems))
    }
  }

  /// As `named`, with keys checked to be names.
  func names(_ what: String) -> [(name: String, value: ValueReader)]? {
    named(what)?.filter { entry in
      guard !Self.isName(entry.name) else { return true }
      entry.value.fail("expected a name of letters, digits, - and _, found \"\(entry.name)\"")
      return false
    }
  }

  /// As `names`, with keys that are names joined by dots, at least one.
  func somePaths(_ one: String, _ many: String) -> [(name: String, value: ValueReader)]? {
    if refusesNone(one) { return nil }
    return named(many)?.filter { entry in
      let parts = entry.name.split(separator: ".", omittingEmptySubsequences: false)
      guard !parts.allSatisfy({ Self.isName(String($0)) }) else { return true }
      entry.value.fail("expected names joined by dots, found \"\(entry.name)\"")
      return false
    }
  }

  /// As `names`, with at least one line.
  func someNames(_ one: String, _ many: String) -> [(name: String, value: ValueReader)]? {
    refusesNone(one) ? nil : names(many)
  }

  /// Whether it is a map without a line, which is told.
  private func refusesNone(_ one: String) -> Bool {
    guard case .map(let entries) = node.content, entries.allSatisfy(\.value.isRemoved) else {
      return false
    }
    fail("expected at least one \(one)")
    return true
  }
}
