/// Byte pair encoding: the pairs that become one token, in order (Sennrich, Haddow, Birch 2016).
///
/// Ids 0 to 255 are bytes; pair k has id 256 + k. A text is cut into pieces, and no pair crosses them.
final class BytePairs {
  /// The pairs in the order in which they were found.
  let merges: [(left: Int32, right: Int32)]
  private let ranks: [UInt64: Int32]
  private var cache: [ByteString: [Int32]] = [:]

  /// An encoder from its pairs.
  init(_ merges: [(left: Int32, right: Int32)]) {
    self.merges = merges
    ranks = Dictionary(
      uniqueKeysWithValues: merges.enumerated().map { (pairKey($1.left, $1.right), Int32($0)) })
  }

  /// The bytes of every id.
  var words: [ByteString] {
    var words = (0..<256).map { [UInt8($0)] }
    for merge in merges { words.append(words[Int(merge.left)] + words[Int(merge.right)]) }
    return words.map { ByteString($0) }
  }

  /// Appends the ids of a piece: of all pairs in it, the one found first is joined first.
  func encode(_ piece: ArraySlice<UInt8>, into ids: inout [Int32]) {
    let key = ByteString(piece)
    if let known = cache[key] {
      ids.append(contentsOf: known)
      return
    }
    var symbols = piece.map { Int32($0) }
    while symbols.count > 1 {
      var best = Int32.max
      for index in 1..<symbols.count {
        best = min(best, ranks[pairKey(symbols[index - 1], symbols[index])] ?? .max)
      }
      guard best != .max else { break }
      join(&symbols, merges[Int(best)], 256 + best)
    }
    cache[key] = symbols
    ids.append(contentsOf: symbols)
  }

  /// Finds the pairs of a corpus.
  ///
  /// The most frequent pair is joined until there are `vocabulary` ids or no pair occurs twice; of equal
  /// counts the pair with the smaller left id, then the smaller right id.
  ///
  /// - Parameters:
  ///   - pieces: how often each piece occurs.
  ///   - vocabulary: the most ids, at least 256.
  /// - Returns: the pairs in the order in which they were found.
  static func learn(_ pieces: ByteCounts, vocabulary: Int) -> [(left: Int32, right: Int32)] {
    var learner = BytePairLearner(pieces)
    while 256 + learner.merges.count < vocabulary, learner.step() {}
    return learner.merges
  }
}

/// One number for a pair, in the order of left id, then right id.
private func pairKey(_ left: Int32, _ right: Int32) -> UInt64 {
  UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
}

/// Replaces each occurrence of a pair by one id, from the left.
private func join(_ symbols: inout [Int32], _ pair: (left: Int32, right: Int32), _ id: Int32) {
  var target = 0
  var source = 0
  while source < symbols.count {
    if source + 1 < symbols.count, symbols[source] == pair.left, symbols[source + 1] == pair.right {
      symbols[target] = id
      source += 2
    } else {
      symbols[target] = symbols[source]
      source += 1
    }
    target += 1
  }
  symbols.removeLast(symbols.count - target)
}

/// Counts of pairs that are kept up to date while pairs are joined.
private struct BytePairLearner {
  /// What was joined so far.
  private(set) var merges: [(left: Int32, right: Int32)] = []
  private var words: [(symbols: [Int32], count: Int)]
  private var counts: [UInt64: Int] = [:]
  /// Words that had the pair at some time.
  private var places: [UInt64: Set<Int>] = [:]
  /// A heap whose first entry is the greatest; entries that no longer hold are passed over.
  private var heap: [(count: Int, key: UInt64)] = []

  init(_ pieces: ByteCounts) {
    words = pieces.counts.sorted { $0.key < $1.key }.map {
      ($0.key.bytes.map { Int32($0) }, $0.value)
    }
    for index in words.indices { count(index, 1) }
    for (key, count) in counts { push((count, key)) }
  }

  /// Joins the most frequent pair; false where none occurs twice.
  mutating func step() -> Bool {
    while let best = pop() {
      guard counts[best.key] == best.count else { continue }
      guard best.count >= 2 else { return false }
      let pair = (
        left: Int32(truncatingIfNeeded: best.key >> 32), right: Int32(truncatingIfNeeded: best.key)
      )
      let id = Int32(256 + merges.count)
      merges.append(pair)
      var touched: Set<UInt64> = []
      for index in places[best.key] ?? [] {
        touched.formUnion(keys(index))
        count(index, -1)
        join(&words[index].symbols, pair, id)
        count(index, 1)
        touched.formUnion(keys(index))
      }
      for key in touched { if let count = counts[key], count > 0 { push((count, key)) } }
      return true
    }
    return false
  }

  private func keys(_ word: Int) -> [UInt64] {
    let symbols = words[word].symbols
    return symbols.indices.dropFirst().map { pairKey(symbols[$0 - 1], symbols[$0]) }
  }

  private mutating func count(_ word: Int, _ sign: Int) {
    for key in keys(word) {
      counts[key, default: 0] += sign * words[word].count
      if sign > 0 { places[key, default: []].insert(word) }
    }
  }

  private static func precedes(
    _ first: (count: Int, key: UInt64), _ second: (count: Int, key: UInt64)
  ) -> Bool {
    first.count == second.count ? first.key < second.key : first.count > second.count
  }

  private mutating func push(_ entry: (count: Int, key: UInt64)) {
    heap.append(entry)
    var child = heap.count - 1
    while child > 0, Self.precedes(heap[child], heap[(child - 1) / 2]) {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  private mutating func pop() -> (count: Int, key: UInt64)? {
    guard let first = heap.first, let last = heap.popLast() else { return nil }
    guard !heap.isEmpty else { return first }
    heap[0] = last
    var parent = 0
    while true {
      var best = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < heap.count && Self.precedes(heap[child], heap[best]) {
        best = child
      }
      if best == parent { return first }
      heap.swapAt(best, parent)
      parent = best
    }
  }
}
