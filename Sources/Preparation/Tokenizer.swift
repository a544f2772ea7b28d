import Configuration

/// Turns text into ids, with what the training split taught it.
final class Tokenizer {
  /// How text is cut.
  let kind: TokenConfiguration
  /// The text of each id; empty for hashed n-grams.
  let words: [ByteString]
  /// The number of ids.
  let count: Int
  private let ids: [ByteString: Int32]
  private let pairs: BytePairs?

  /// The text of the id that stands for whatever has none.
  static let unknown = ByteString("<unk>")

  /// Learns from documents; each rank looks at its part of them.
  ///
  /// - Parameters:
  ///   - kind: how text is cut, and what gets an id.
  ///   - documents: how many there are.
  ///   - crew: the ranks.
  ///   - text: a document, valid UTF-8.
  /// - Throws: what the exchange throws.
  init(
    _ kind: TokenConfiguration, documents: Int, crew: Crew, _ text: (Int) -> ArraySlice<UInt8>
  ) throws {
    self.kind = kind
    var counts = ByteCounts()
    if kind.needsCounts {
      for index in crew.share(documents) {
        kind.pieces(text(index)) { counts.add(ByteString($0)) }
      }
    }
    switch kind {
    case .hashedNgrams(_, let buckets, _):
      (words, count, ids, pairs) = ([], buckets, [:], nil)
    case .bytePairs(let vocabulary, _):
      let packed = try crew.reduce(counts.packed) { parts in
        var writer = ByteWriter()
        for merge in BytePairs.learn(ByteCounts(merging: parts), vocabulary: vocabulary) {
          writer.append(Int(merge.left))
          writer.append(Int(merge.right))
        }
        return writer.bytes
      }
      var reader = ByteReader(packed)
      var merges: [(left: Int32, right: Int32)] = []
      while !reader.isAtEnd {
        let left = Int32(reader.number())
        merges.append((left, Int32(reader.number())))
      }
      let pairs = BytePairs(merges)
      words = pairs.words
      (count, ids, self.pairs) = (words.count, [:], pairs)
    case .words, .characters:
      let packed = try crew.reduce(counts.packed) {
        kind.vocabulary(ByteCounts(merging: $0)).packed
      }
      words = [Tokenizer.unknown] + [ByteString](unpacking: packed)
      ids = Dictionary(
        words.enumerated().dropFirst().map { ($1, Int32($0)) },
        uniquingKeysWith: { first, _ in first })
      (count, pairs) = (words.count, nil)
    }
  }

  /// The id of what has none, where there is such an id.
  var unknownID: Int32? {
    switch kind {
    case .words, .characters: 0
    case .hashedNgrams, .bytePairs: nil
    }
  }

  /// Appends the ids of a text, valid UTF-8.
  func encode(_ text: ArraySlice<UInt8>, into result: inout [Int32]) {
    if case .hashedNgrams(let n, let buckets, _) = kind {
      var words: [ArraySlice<UInt8>] = []
      kind.pieces(text) { words.append($0) }
      for start in words.indices {
        var hash = FNV64()
        for end in start..<min(words.count, start + n) {
          if end > start { hash.add(0x20) }
          for byte in words[end] { hash.add(byte) }
          result.append(Int32(truncatingIfNeeded: hash.value % UInt64(buckets)))
        }
      }
      return
    }
    kind.pieces(text) { piece in
      if let pairs {
        pairs.encode(piece, into: &result)
      } else {
        result.append(ids[ByteString(piece)] ?? 0)
      }
    }
  }
}

/// FNV-1a with 64 bits (Fowler, Noll, Vo).
struct FNV64 {
  /// The hash of the bytes so far.
  private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

  /// Adds a byte.
  mutating func add(_ byte: UInt8) { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }
}

extension TokenConfiguration {
  /// Whether the training split is looked at.
  fileprivate var needsCounts: Bool {
    if case .hashedNgrams = self { return false }
    return true
  }

  /// Cuts a text into what is counted: words, characters, or the pieces of byte pairs.
  fileprivate func pieces(_ text: ArraySlice<UInt8>, _ body: (ArraySlice<UInt8>) -> Void) {
    switch self {
    case .words(let options), .hashedNgrams(_, _, let options):
      let text = options.lowercase ? UnicodeText.lowercased(text)[...] : text
      UnicodeText.words(text, atPunctuation: options.split == .punctuation, body)
    case .characters:
      var index = text.startIndex
      while index < text.endIndex {
        let end = index + UnicodeText.length(text[index])
        body(text[index..<end])
        index = end
      }
    case .bytePairs(_, let lowercase):
      UnicodeText.pieces(lowercase ? UnicodeText.lowercased(text)[...] : text, body)
    }
  }

  /// The texts that get an id, after the unknown one.
  fileprivate func vocabulary(_ counts: ByteCounts) -> [ByteString] {
    switch self {
    case .characters(let minimumCount): return counts.ranked(minimumCount: minimumCount).sorted()
    case .words(let options):
      let ranked = counts.ranked(minimumCount: options.minimumCount)
      return options.vocabulary.map { Array(ranked.prefix($0 - 1)) } ?? ranked
    case .hashedNgrams, .bytePairs: return []
    }
  }
}
