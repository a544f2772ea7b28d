import Models

/// The groups of a network that may go, from the least worth on, and how many more units each width can spare.
struct ShrinkCandidates {
  /// The units, lanes paired.
  let graph: UnitGraph
  /// The groups whose worth is known, the least first; of equal ones the first in the network.
  let groups: [UnitGraph.Group]
  /// The units that have gone.
  private(set) var removed: Set<Int> = []
  /// By width: the units of each lane that can still go.
  private var room: [Int]

  /// Candidates of a graph.
  ///
  /// - Parameters:
  ///   - graph: the units of a network.
  ///   - kinds: what may go.
  ///   - floors: by width, the units that stay.
  ///   - scores: what a group is worth, by the unit that stands for it.
  init(
    _ graph: UnitGraph, kinds: Set<UnitGraph.Kind>, floors: [Int], scores: [Double]
  ) {
    let paired = graph.pairingLanes { scores[$0] }
    self.graph = paired
    // A group's first unit stands for it; those that pairing has joined are worth their mean.
    var first: [Int: Int] = [:]
    for part in graph.groups(of: Set(UnitGraph.Kind.allCases)) {
      for unit in part.units { first[unit] = part.units[0] }
    }
    func worth(_ group: UnitGraph.Group) -> Double {
      let parts = Set(group.units.compactMap { first[$0] }).sorted()
      return parts.reduce(0) { $0 + scores[$1] } / Double(parts.count)
    }
    groups = paired.groups(of: kinds).map { (worth($0), $0.units[0], $0) }
      .filter { $0.0.isFinite }
      .sorted { ($0.0, $0.1) < ($1.0, $1.1) }.map(\.2)
    room = zip(paired.widths, floors).map { max(0, $0.size - $1) }
  }

  /// The units of one lane of each width that a group takes.
  private func taken(by group: UnitGraph.Group) -> [(width: Int, units: Int)] {
    graph.widths.indices.compactMap { index in
      guard !graph.widths[index].settings.isEmpty else { return nil }
      let units = group.units.count { graph.widths[index].lanes[0].contains($0) }
      return units > 0 ? (index, units) : nil
    }
  }

  /// Removes a group, if every width that it belongs to can spare it.
  ///
  /// - Returns: whether it went.
  mutating func take(_ group: UnitGraph.Group) -> Bool {
    let taken = taken(by: group)
    guard taken.allSatisfy({ room[$0.width] >= $0.units }) else { return false }
    for (width, units) in taken { room[width] -= units }
    removed.formUnion(group.units)
    return true
  }

  /// Puts a group back.
  mutating func giveBack(_ group: UnitGraph.Group) {
    for (width, units) in taken(by: group) { room[width] += units }
    removed.subtract(group.units)
  }
}
