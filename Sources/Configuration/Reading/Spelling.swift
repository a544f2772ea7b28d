/// Finds the name a person meant.
enum Spelling {
  /// The nearest known name, or nil where none is near.
  ///
  /// Case, `_` and `-` do not count, so `learning_rate` is `learningRate`; up to one wrong letter
  /// in three, at least one, is near. Among equals the first wins.
  static func nearest(to name: String, in known: [String]) -> String? {
    let wanted = folded(name)
    guard !wanted.isEmpty, wanted.count <= 100 else { return nil }
    var best: (name: String, distance: Int)?
    for candidate in known {
      let distance = distance(wanted, folded(candidate))
      // A word of which no letter was kept is not near, however short.
      let limit = min(
        max(1, max(wanted.count, candidate.count) / 3), min(wanted.count, candidate.count) - 1)
      if distance <= limit, distance < best?.distance ?? Int.max { best = (candidate, distance) }
    }
    return best?.name
  }

  /// "unknown SORT `NAME`" with the nearest name and all of them.
  static func unknown(_ sort: String, _ name: String, known: [String]) -> String {
    let short = name.count > 60 ? String(name.prefix(60)) + "…" : name
    var message = "unknown \(sort) `\(short)`"
    if let near = nearest(to: name, in: known) { message += ", did you mean `\(near)`?" }
    if known.isEmpty { return message + "; none is allowed here" }
    return message + (message.hasSuffix("?") ? " Allowed: " : "; allowed: ")
      + known.joined(separator: ", ")
  }

  /// Letters that must be inserted, deleted, replaced or swapped with their neighbour.
  ///
  /// The optimal string alignment form of the Damerau-Levenshtein distance.
  static func distance(_ left: [Character], _ right: [Character]) -> Int {
    var before: [Int] = []
    var previous = Array(0...right.count)
    for (i, a) in left.enumerated() {
      var row = [i + 1]
      for (j, b) in right.enumerated() {
        var cost = min(previous[j + 1] + 1, row[j] + 1, previous[j] + (a == b ? 0 : 1))
        if i > 0, j > 0, a == right[j - 1], left[i - 1] == b { cost = min(cost, before[j - 1] + 1) }
        row.append(cost)
      }
      before = previous
      previous = row
    }
    return previous[right.count]
  }

  private static func folded(_ name: String) -> [Character] {
    name.lowercased().filter { $0 != "_" && $0 != "-" }.map { $0 }
  }
}
