/// How many insertions, deletions and substitutions turn one sequence into another (Levenshtein 1966).
///
/// Error rates of characters, words and digits are edits divided by the length of the truth, both
/// summed as integers over a split, so that their order does not matter.
public struct EditDistance: Sendable, Equatable {
  /// Edits so far.
  public private(set) var edits: Int64 = 0
  /// Symbols of the truth so far.
  public private(set) var length: Int64 = 0

  /// Nothing compared yet.
  public init() {}

  /// Edits per symbol of the truth: above 1 where predictions are much longer, 0 where there were no symbols at
  /// all, infinite where only predictions had some.
  public var rate: Double {
    length > 0 ? Double(edits) / Double(length) : (edits > 0 ? .infinity : 0)
  }

  /// A sum from its parts.
  init(edits: Int64, length: Int64) { (self.edits, self.length) = (edits, length) }

  /// Adds what was compared elsewhere.
  public mutating func merge(_ other: EditDistance) {
    edits += other.edits
    length += other.length
  }

  /// Adds one pair of sequences.
  ///
  /// - Parameters:
  ///   - prediction: what was found.
  ///   - truth: what should have been found.
  ///
  /// Cost: the product of both lengths; allocates one row.
  public mutating func add<Symbol: Equatable>(
    _ prediction: some Collection<Symbol>, truth: some Collection<Symbol>
  ) {
    edits += Int64(Self.between(prediction, truth))
    length += Int64(truth.count)
  }

  /// The edits between two sequences.
  public static func between<Symbol: Equatable>(
    _ first: some Collection<Symbol>, _ second: some Collection<Symbol>
  ) -> Int {
    // row[j]: edits between what was read of `first` and the first j symbols of `second`.
    var row = Array(0...second.count)
    for symbol in first {
      var diagonal = row[0]
      row[0] += 1
      for (place, other) in second.enumerated() {
        let kept = symbol == other ? diagonal : diagonal + 1
        diagonal = row[place + 1]
        row[place + 1] = min(kept, min(row[place], diagonal) + 1)
      }
    }
    return row[second.count]
  }
}
