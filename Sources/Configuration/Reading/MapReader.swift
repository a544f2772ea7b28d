/// Reads a map with known keys; unknown ones are noted at once.
struct MapReader {
  /// The map as a value.
  let value: ValueReader
  /// What it may hold.
  let section: KeySection
  private let entries: [String: DocumentNode]
  /// False where the value was no map; missing keys are then not told again.
  private let isMap: Bool
  /// Known keys that were misspelt; their absence is not told again.
  private let meant: Set<String>

  /// Checks the keys of a value that should be a map.
  init(_ value: ValueReader, _ section: KeySection) {
    self.value = value
    self.section = section
    guard case .map(let lines) = value.node.content else {
      value.expected("a map with \(section.keys.joined(separator: ", "))")
      (entries, meant, isMap) = ([:], [], false)
      return
    }
    isMap = true
    var meant: Set<String> = []
    var known: [String: DocumentNode] = [:]
    for line in lines {
      guard section.keys.contains(line.key) else {
        value.problems.add(
          Self.join(value.path, line.key), line.place, Self.unknown(line.key, section))
        if let near = Spelling.nearest(to: line.key, in: section.keys) { meant.insert(near) }
        continue
      }
      if !line.value.isRemoved { known[line.key] = line.value }
    }
    entries = known
    self.meant = meant
  }

  /// A stand-in for a map whose absence was told already; it notes nothing.
  init(absentFrom parent: ValueReader, _ section: KeySection) {
    value = parent
    self.section = section
    (entries, meant, isMap) = ([:], [], false)
  }

  private static func join(_ path: String, _ key: String) -> String {
    path.isEmpty ? key : "\(path).\(key)"
  }

  private static func unknown(_ key: String, _ section: KeySection) -> String {
    if let reason = section.refused[key] { return reason }
    if key == "<<" { return "merge keys are not supported; write the keys out" }
    return Spelling.unknown("key", key, known: section.keys)
  }

  /// Whether a key is given.
  func has(_ key: String) -> Bool { entries[key] != nil }

  /// A key that may be left out.
  func optional(_ key: String) -> ValueReader? {
    precondition(section.keys.contains(key), "\(key) is not declared in \(section.name)")
    return entries[key].map {
      ValueReader(node: $0, path: Self.join(value.path, key), problems: value.problems)
    }
  }

  /// A key that must be given; its absence is noted.
  func required(_ key: String) -> ValueReader? {
    if let reader = optional(key) { return reader }
    if isMap, !meant.contains(key) {
      value.problems.add(value.path, value.node.place, "missing key `\(key)`")
    }
    return nil
  }

  /// Exactly one of some keys; otherwise a problem is noted.
  func exactlyOne(_ keys: [String]) -> String? {
    let given = keys.filter(has)
    if given.count == 1 { return given[0] }
    let names = keys.joined(separator: " and ")
    if isMap, !given.isEmpty || meant.isDisjoint(with: keys) {
      value.fail(
        "expected exactly one of \(names), found \(given.isEmpty ? "neither" : "both")"
          + (given.isEmpty ? "" : " (`--set KEY=null` takes one away)"))
    }
    return nil
  }

  /// The path of a key.
  func path(_ key: String) -> String { Self.join(value.path, key) }

  /// Notes a problem with a key, at its value where it is given.
  func fail(_ key: String, _ message: String) {
    value.problems.add(path(key), entries[key]?.place ?? value.node.place, message)
  }
}
