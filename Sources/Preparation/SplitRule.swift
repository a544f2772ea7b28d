import Configuration
import Tensors

extension RecipeSplit.Origin {
  /// For a derived split, the split it is taken from.
  var from: String? {
    switch self {
    case .sources: nil
    case .fraction(let from, _, _), .fold(let from, _, _, _), .modulo(let from, _, _),
      .latest(let from, _, _), .last(let from, _, _, _):
      from
    }
  }

  /// Which samples a derived split takes.
  ///
  /// - Parameters:
  ///   - name: the split's.
  ///   - rows: the samples that the other split has left, ascending.
  ///   - part: the part of a source that the rule names.
  /// - Returns: whether it takes a sample.
  /// - Throws: ``PreparationError`` where a rule's part does not fit.
  func selection(
    name: String, rows: [Int], part: (RecipeSplit.FieldSource) throws -> SourcePart
  ) throws -> (Int) -> Bool {
    switch self {
    case .sources: return { _ in false }
    case .fraction(_, let fraction, let seed):
      // Two fractions of one split with one seed must not be the same samples.
      let salt = pathHash(name)
      return { splitUniform(seed, salt, $0) < fraction }
    case .fold(_, let folds, let fold, let seed):
      // Folds do not depend on the name, so that the k recipes of one seed share one partition.
      return { Int(splitUniform(seed, 0, $0) * Double(folds)) == fold }
    case .modulo(_, let modulo, let remainder): return { $0 % modulo == remainder }
    case .latest(_, let share, let by):
      let order = try Self.inOrder(rows, by, name, part)
      let taken = Set(order.suffix(Int((Double(rows.count) * share).rounded())))
      return { taken.contains($0) }
    case .last(_, let count, let of, let by):
      let groups = try part(of).keys("split '\(name)', of")
      try Self.requireRows(groups.count, rows, name, "of")
      var seen: [ByteString?: Int] = [:]
      var taken: Set<Int> = []
      for row in try Self.inOrder(rows, by, name, part).reversed() {
        seen[groups[row], default: 0] += 1
        if seen[groups[row], default: 0] <= count { taken.insert(row) }
      }
      return { taken.contains($0) }
    }
  }

  /// Rows in the order of a number; equal ones in the order of the source.
  private static func inOrder(
    _ rows: [Int], _ by: RecipeSplit.FieldSource, _ name: String,
    _ part: (RecipeSplit.FieldSource) throws -> SourcePart
  ) throws -> [Int] {
    let numbers = try part(by).numbers("split '\(name)', by")
    try requireRows(numbers.count, rows, name, "by")
    return rows.sorted {
      numbers[$0] == numbers[$1] ? $0 < $1 : numbers[$0] < numbers[$1]
    }
  }

  private static func requireRows(
    _ count: Int, _ rows: [Int], _ name: String, _ key: String
  ) throws {
    guard let last = rows.last, last >= count else { return }
    throw PreparationError(
      .badData,
      "split '\(name)': '\(key)' has \(count) rows, but there are samples up to \(last)")
  }
}
