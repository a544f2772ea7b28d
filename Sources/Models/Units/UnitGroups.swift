import Configuration

extension UnitGraph {
  /// Units that are removed together.
  public struct Group: Sendable, Equatable {
    /// Their numbers, ascending.
    public let units: [Int]
    /// The first of ``widths`` that counts one of them: what to group groups by.
    public let width: Int
  }

  /// Pairs the units of widths that are counted more than once, the k-th worst of one lane with the k-th worst of every
  /// other.
  ///
  /// One number of the configuration counts all lanes, so each must lose as many as the others.
  ///
  /// - Parameter score: what a unit is worth, the same for coupled ones.
  /// - Returns: a graph in which every group takes the same number of units from each lane of a width.
  public func pairingLanes(by score: (Int) -> Double) -> UnitGraph {
    var paired = self
    let stays = stays
    func worth(_ unit: Int) -> Double {
      let root = root(unit)
      return stays[root] ? .infinity : score(root)
    }
    for width in widths where width.lanes.count > 1 && !width.settings.isEmpty {
      let orders = width.lanes.map { lane in
        lane.map { (worth($0), $0) }.sorted { $0 < $1 }.map(\.1)
      }
      for order in orders.dropFirst() {
        for (one, other) in zip(orders[0], order) { paired.join(one, other) }
      }
    }
    return paired
  }

  /// The groups that may be removed, in the order of their first units.
  ///
  /// - Parameter kinds: what may be removed; a group goes only if all of it is of these kinds, and what a layer norm
  ///   reads only with ``Kind/embeddings``.
  /// - Returns: groups of which no unit stays and that options count.
  /// - Precondition: lanes are paired.
  public func groups(of kinds: Set<Kind>) -> [Group] {
    let stays = stays
    var members: [Int: [Int]] = [:]
    for unit in parents.indices where !stays[root(unit)] {
      members[root(unit), default: []].append(unit)
    }
    let owner = owners
    return members.sorted { $0.key < $1.key }.compactMap { _, units in
      let counted = units.map { owner[$0] }.filter { !widths[$0].settings.isEmpty }
      guard let first = counted.min(), counted.allSatisfy({ kinds.contains(widths[$0].kind) }),
        kinds.contains(.embeddings) || !units.contains(where: { normalized[$0] })
      else { return nil }
      return Group(units: units, width: first)
    }
  }

  /// The width of each unit.
  var owners: [Int] {
    var owners = [Int](repeating: 0, count: parents.count)
    for (index, width) in widths.enumerated() {
      for lane in width.lanes { for unit in lane { owners[unit] = index } }
    }
    return owners
  }

  /// Whether the group that a unit stands for stays whatever happens.
  private var stays: [Bool] {
    var stays = [Bool](repeating: false, count: parents.count)
    for unit in parents.indices where fixed[unit] { stays[root(unit)] = true }
    return stays
  }

  /// The numbers of the configuration once units are gone.
  ///
  /// - Parameter removed: units of whole groups.
  /// - Returns: every option that changes, and those that were not written but must be now; empty where nothing goes.
  public func sizes(without removed: Set<Int>) -> [SizeSetting: Int] {
    guard !removed.isEmpty else { return [:] }
    var sizes = implied
    for width in widths {
      let left = width.lanes[0].count { !removed.contains($0) }
      guard left < width.size else { continue }
      for setting in width.settings { sizes[setting] = left }
    }
    return sizes
  }

  /// The indices of each axis of a slot that are left once units are gone.
  ///
  /// - Parameters:
  ///   - name: the slot's name.
  ///   - axes: how many axes it has.
  ///   - removed: units of whole groups.
  /// - Returns: ascending indices, one list for each axis; nil for an axis of which all stay.
  public func kept(_ name: String, axes: Int, without removed: Set<Int>) -> [[Int]?] {
    guard let units = slots[name] else { return [[Int]?](repeating: nil, count: axes) }
    return units.map { axis in
      guard let numbers = axis?.numbers, numbers.contains(where: removed.contains) else {
        return nil
      }
      return numbers.indices.filter { !removed.contains(numbers[$0]) }
    }
  }
}
