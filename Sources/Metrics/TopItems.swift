import BLAS

/// The best items of each user that the user has not seen.
///
/// Scores come from matrix products of fixed blocks of users and items, and one pass with a heap keeps
/// the best. Of equal scores the item with the smaller number comes first; a score that is not finite is
/// never chosen. Equal blocks give equal bits, so deal whole blocks to ranks.
///
/// - Cost: `2 U I D` floating-point operations, and `4 · 64 · 4096` bytes of scores.
public struct TopItems {
  /// Users whose scores are computed together.
  public static let userBlock = 64
  private static let itemBlock = 4096

  private let pair: FactorPair
  private let seen: ItemLists
  private let isCandidate: [Bool]

  /// One item of a list.
  public struct Entry: Sendable, Equatable {
    /// The item's number.
    public let item: Int
    /// Its score.
    public let score: Float

    /// An entry from its parts.
    public init(item: Int, score: Float) { (self.item, self.score) = (item, score) }

    /// Whether it stands before another one.
    fileprivate func precedes(_ other: Entry) -> Bool {
      score > other.score || (score == other.score && item < other.item)
    }
  }

  /// Lists over the candidates.
  ///
  /// - Parameters:
  ///   - pair: the scores.
  ///   - seen: what each user is not to be shown.
  ///   - isCandidate: I flags: which items may be shown at all.
  public init(_ pair: FactorPair, seen: ItemLists, isCandidate: [Bool]) {
    precondition(isCandidate.count == pair.itemCount, "one flag for each item")
    (self.pair, self.seen, self.isCandidate) = (pair, seen, isCandidate)
  }

  /// The blocks of a list of users: whole ones, and what is left.
  public static func blocks(_ users: Int) -> Int { (users + userBlock - 1) / userBlock }

  /// The lists of one block.
  ///
  /// - Parameters:
  ///   - index: the block, in `0 ..< blocks(users.count)`.
  ///   - users: all users that lists are made for.
  ///   - length: items of a list, at least 1; fewer where there are not as many candidates.
  ///   - body: called for each user of the block, in order, with the items from the best down.
  public func forEach(
    block index: Int, of users: [Int], length: Int, _ body: (_ user: Int, _ list: [Entry]) -> Void
  ) {
    let start = index * Self.userBlock
    let block = Array(users[start..<min(start + Self.userBlock, users.count)])
    var rows = [Float](repeating: 0, count: block.count * pair.width)
    for (row, user) in block.enumerated() {
      let vector = pair.user(user)
      for column in 0..<pair.width { rows[row * pair.width + column] = vector[column] }
    }
    var heaps = block.map { _ in BestEntries(length: length) }
    var scores = [Float](repeating: 0, count: block.count * Self.itemBlock)
    for first in stride(from: 0, to: pair.itemCount, by: Self.itemBlock) {
      let count = min(Self.itemBlock, pair.itemCount - first)
      BLAS.gemm(
        transposeB: true, rows: block.count, columns: count, inner: pair.width, rows, pair.width,
        pair.items + first * pair.width, pair.width, &scores, Self.itemBlock)
      scores.withUnsafeBufferPointer { scores in
        for (row, user) in block.enumerated() {
          let own = scores[row * Self.itemBlock..<row * Self.itemBlock + count]
          offer(UnsafeBufferPointer(rebasing: own), first, user, to: &heaps[row])
        }
      }
    }
    for (row, user) in block.enumerated() { body(user, heaps[row].sorted()) }
  }

  /// Offers the items from `first` on that the user has not seen.
  private func offer(
    _ scores: UnsafeBufferPointer<Float>, _ first: Int, _ user: Int, to heap: inout BestEntries
  ) {
    let list = seen[user]
    var next = list.startIndex
    while next < list.endIndex, Int(list[next]) < first { next += 1 }
    for index in 0..<scores.count {
      let item = first + index
      if next < list.endIndex, Int(list[next]) == item {
        next += 1
        continue
      }
      let score = scores[index] + pair.offset
      if isCandidate[item], score.isFinite { heap.offer(Entry(item: item, score: score)) }
    }
  }

  /// The best entries offered so far; the worst of them on top, so that most are refused at once.
  private struct BestEntries {
    private var heap: [Entry] = []
    private let length: Int

    init(length: Int) {
      precondition(length >= 1, "a list of \(length) items")
      self.length = length
      heap.reserveCapacity(length)
    }

    mutating func offer(_ entry: Entry) {
      guard heap.count == length else {
        heap.append(entry)
        var child = heap.count - 1
        while child > 0, heap[(child - 1) / 2].precedes(heap[child]) {
          heap.swapAt(child, (child - 1) / 2)
          child = (child - 1) / 2
        }
        return
      }
      guard entry.precedes(heap[0]) else { return }
      heap[0] = entry
      var parent = 0
      while true {
        var worst = parent
        for child in [2 * parent + 1, 2 * parent + 2]
        where child < heap.count && heap[worst].precedes(heap[child]) { worst = child }
        guard worst != parent else { return }
        heap.swapAt(worst, parent)
        parent = worst
      }
    }

    func sorted() -> [Entry] { heap.sorted { $0.precedes($1) } }
  }
}
