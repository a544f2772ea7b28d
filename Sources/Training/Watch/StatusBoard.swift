import Buffers
import Exchange
import Synchronization

/// Where the ranks of a node write down what they do, in memory they share.
///
/// One slot per local rank, and a few words for all. It is read by the watchdogs of the node.
package final class StatusBoard: @unchecked Sendable {
  /// World ranks by local rank.
  let ranks: [Int]
  /// This rank's place among them.
  let localRank: Int
  /// All slots by local rank.
  let slots: [StatusSlot]

  private let memory: SharedMemory
  private let common: UnsafeMutablePointer<Atomic<UInt64>>

  /// Makes the board of this node; all its ranks call it together.
  ///
  /// - Parameter node: who shares memory.
  /// - Throws: `AgreedFailure` if the node has no memory left, or `MPIError`.
  convenience init(_ node: Node) throws {
    let count = node.local.size
    let first = StatusSlot.stride * (node.seat.localRank + 1)
    let memory = try node.share(
      byteCount: StatusSlot.stride * (count + 1), name: "aimass-status",
      claiming: first..<first + StatusSlot.stride)
    self.init(memory, ranks: node.topology.nodes[node.seat.node], localRank: node.seat.localRank)
  }

  /// A board in memory of its own, for one process.
  package convenience init(ranks: [Int]) throws {
    let memory = try SharedMemory(
      byteCount: StatusSlot.stride * (ranks.count + 1), name: "aimass-status")
    self.init(memory, ranks: ranks, localRank: 0)
  }

  private init(_ memory: SharedMemory, ranks: [Int], localRank: Int) {
    self.memory = memory
    self.ranks = ranks
    self.localRank = localRank
    common = memory.base.assumingMemoryBound(to: Atomic<UInt64>.self)
    slots = ranks.indices.map {
      StatusSlot(at: memory.base + StatusSlot.stride * ($0 + 1))
    }
  }

  /// This rank's slot.
  package var own: StatusSlot { slots[localRank] }

  /// Whether a watchdog of this node has decided to end the job.
  var isCondemned: Bool {
    get { common[0].load(ordering: .acquiring) != 0 }
    set { common[0].store(newValue ? 1 : 0, ordering: .releasing) }
  }

  /// Counts a rank that leaves in order.
  ///
  /// - Returns: true for the last one of the node.
  func leave() -> Bool {
    let (_, left) = common[1].add(1, ordering: .acquiringAndReleasing)
    return Int(left) == ranks.count
  }
}
