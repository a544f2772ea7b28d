/// Whether every rank of a machine can have a core of its own, and who stands in the way if not.
///
/// A bipartite matching of ranks and processors by augmenting paths. By Hall's theorem a rank that
/// stays without a core leads to a group of ranks whose masks together hold fewer processors than
/// the group has ranks.
///
/// Cost: at most ranks × the sum of all masks; 256 ranks that may use 256 processors take milliseconds.
struct CoreMatching {
  /// Ranks, by index, that share too few processors; empty where each can have one.
  let crowded: [Int]
  /// The processors that the crowded ranks share.
  let shared: CPUSet
  /// The processors that the ranks keep busy at most, each of them one.
  let busy: CPUSet

  /// Matches ranks with the processors of their masks.
  init(_ masks: [CPUSet]) {
    var owner: [Int: Int] = [:]
    var homeless: [Int] = []
    for rank in masks.indices {
      var visited: Set<Int> = []
      if !Self.augment(rank, masks, &owner, &visited) { homeless.append(rank) }
    }
    busy = CPUSet(owner.keys)
    // All that a failed search reaches, and the ranks that hold it, compete for it.
    var visited: Set<Int> = []
    for rank in homeless { _ = Self.augment(rank, masks, &owner, &visited) }
    crowded = (visited.compactMap { owner[$0] } + homeless).sorted()
    shared = CPUSet(visited)
  }

  private static func augment(
    _ rank: Int, _ masks: [CPUSet], _ owner: inout [Int: Int], _ visited: inout Set<Int>
  ) -> Bool {
    for cpu in masks[rank].numbers where owner[cpu] == nil {
      owner[cpu] = rank
      return true
    }
    for cpu in masks[rank].numbers where visited.insert(cpu).inserted {
      guard let other = owner[cpu] else { continue }
      if augment(other, masks, &owner, &visited) {
        owner[cpu] = rank
        return true
      }
    }
    return false
  }
}
