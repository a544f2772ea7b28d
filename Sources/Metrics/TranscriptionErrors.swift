/// How far transcriptions are from their truths: counts of a split, which may be added in any order.
public struct TranscriptionErrors: Sendable, Equatable {
  /// Edits of ids.
  public private(set) var tokens = EditDistance()
  /// Edits of the Unicode scalars that the ids spell.
  public private(set) var characters = EditDistance()
  /// Edits of the words, runs between blanks, that the ids spell.
  public private(set) var words = EditDistance()
  /// Samples with fewer steps than their ids need, which no transcription can be right of.
  public var infeasible = 0

  /// Nothing compared yet.
  public init() {}

  /// Compares one sequence with its truth.
  ///
  /// - Parameters:
  ///   - found: the ids that were read.
  ///   - truth: those that should have been.
  ///   - texts: what they spell; nil: only ids are compared.
  public mutating func add(
    _ found: some Collection<Int64>, truth: some Collection<Int64>, texts: TokenTexts?
  ) {
    tokens.add(found, truth: truth)
    guard let texts else { return }
    let (said, wanted) = (texts.text(found), texts.text(truth))
    characters.add(Array(said.unicodeScalars), truth: Array(wanted.unicodeScalars))
    words.add(
      said.split(whereSeparator: \.isWhitespace),
      truth: wanted.split(whereSeparator: \.isWhitespace)
    )
  }

  /// Adds what was compared elsewhere.
  public mutating func merge(_ other: TranscriptionErrors) {
    tokens.merge(other.tokens)
    characters.merge(other.characters)
    words.merge(other.words)
    infeasible += other.infeasible
  }

  /// All counts, to be sent.
  var counts: [Int] {
    [tokens, characters, words].flatMap { [Int($0.edits), Int($0.length)] } + [infeasible]
  }

  /// How many counts there are.
  static let countOfCounts = 7

  /// What was sent.
  init(counts: [Int]) {
    func distance(_ first: Int) -> EditDistance {
      EditDistance(edits: Int64(counts[first]), length: Int64(counts[first + 1]))
    }
    (tokens, characters, words) = (distance(0), distance(2), distance(4))
    infeasible = counts[6]
  }
}
