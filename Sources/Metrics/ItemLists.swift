/// For each user a list of different items, ascending.
public struct ItemLists: Sendable {
  private let offsets: [Int]
  private let items: [Int32]

  /// Collects pairs in any order; the same pair twice counts once.
  ///
  /// - Parameters:
  ///   - users: U.
  ///   - forEach: visits all pairs; called twice, users in `0 ..< users`.
  /// - Throws: what `forEach` throws.
  public init(users: Int, forEach: ((_ user: Int, _ item: Int) -> Void) throws -> Void) rethrows {
    var ends = [Int](repeating: 0, count: users + 1)
    try forEach { user, _ in ends[user + 1] += 1 }
    for user in 0..<users { ends[user + 1] += ends[user] }
    var items = [Int32](repeating: 0, count: ends[users])
    var next = ends
    try forEach { user, item in
      items[next[user]] = Int32(truncatingIfNeeded: item)
      next[user] += 1
    }
    var offsets = [0]
    var kept = 0
    for user in 0..<users {
      items[ends[user]..<ends[user + 1]].sort()
      let start = kept
      for place in ends[user]..<ends[user + 1]
      where kept == start || items[kept - 1] != items[place] {
        items[kept] = items[place]
        kept += 1
      }
      offsets.append(kept)
    }
    items.removeLast(items.count - kept)
    (self.offsets, self.items) = (offsets, items)
  }

  /// U.
  public var userCount: Int { offsets.count - 1 }

  /// The items of a user, ascending; none for a user outside `0 ..< userCount`.
  public subscript(user: Int) -> ArraySlice<Int32> {
    guard (0..<userCount).contains(user) else { return [] }
    return items[offsets[user]..<offsets[user + 1]]
  }

  /// Whether a user's list has an item.
  public func contains(_ user: Int, _ item: Int) -> Bool {
    let list = self[user]
    var (low, high) = (list.startIndex, list.endIndex)
    while low < high {
      let middle = (low + high) / 2
      if Int(list[middle]) < item { low = middle + 1 } else { high = middle }
    }
    return low < list.endIndex && Int(list[low]) == item
  }

  /// How many users have each item.
  ///
  /// - Parameter count: I.
  /// - Returns: `count` numbers.
  public func popularity(items count: Int) -> [Int] {
    var counts = [Int](repeating: 0, count: count)
    for item in items where Int(item) < count { counts[Int(item)] += 1 }
    return counts
  }
}
