import Buffers
import Parameters

/// Compares the nodes' copies of the weights, bit by bit, by a checksum of every block.
///
/// The copies are equal after every step by construction. Where they are not, a node's memory or
/// processor changed a bit, and the run must not go on as if nothing happened.
public final class WeightCheck {
  /// A tensor whose copy on a node is not what its owner's node has.
  public struct Difference: Sendable, Equatable {
    /// The tensor's name.
    public let tensor: String
    /// The node that holds it.
    public let node: Int
    /// The node whose ranks own the block in which it was found.
    public let owner: Int
  }

  private let exchange: Exchange
  /// The blocks that nodes hold.
  private let blocks: [Int]
  private let table: SharedTable
  private let parts: SharedTable.Parts

  /// Collective.
  ///
  /// - Parameter exchange: whose weights are compared.
  /// - Throws: `AgreedFailure` where memory is short, or `MPIError`.
  public init(_ exchange: Exchange) throws {
    self.exchange = exchange
    blocks = exchange.plan.layout.residentBlocks.flatMap { Array($0) }
    let count = blocks.count
    let nodes = exchange.node.topology.nodes.count
    table = try SharedTable(exchange.node, count: nodes * count, name: "aimass-check")
    parts = SharedTable.Parts((0..<nodes).map { [$0 * count..<($0 + 1) * count] })
  }

  /// Compares all copies.
  ///
  /// Collective, between steps. With one node there is one copy and nothing to compare.
  ///
  /// - Returns: what differs, equal on all ranks; in canonical order, each tensor once per node.
  /// - Throws: `MPIError` if a message fails.
  /// - Cost: each rank reads `P / L` floats; `P / 512` bytes are gathered from each node.
  public func run() throws -> [Difference] {
    let (plan, node) = (exchange.plan, exchange.node)
    let nodes = node.topology.nodes.count
    guard nodes > 1 else { return [] }
    table.open()
    for index in blocks.indices.part(node.seat.localRank, of: node.local.size) {
      let range = plan.layout.block(blocks[index])
      let memory = UnsafeRawBufferPointer(
        UnsafeBufferPointer(
          start: exchange.store.base + range.lowerBound, count: range.count))
      // A pattern of bits in a Float64's place; it is copied, never calculated with.
      table.values[node.seat.node * blocks.count + index] = Double(bitPattern: checksum64(memory))
    }
    try exchange.join(table, parts)
    let owners = ownerOfBlock()
    var found: [Difference] = []
    for (index, block) in blocks.enumerated() {
      let expected = table.values[owners[block] * blocks.count + index].bitPattern
      for other in 0..<nodes
      where table.values[other * blocks.count + index].bitPattern != expected {
        let range = plan.layout.block(block)
        for slot in plan.layout.slots where slot.range.overlaps(range) {
          let difference = Difference(tensor: slot.name, node: other, owner: owners[block])
          if !found.contains(difference) { found.append(difference) }
        }
      }
    }
    return found
  }

  /// The node that owns each block.
  private func ownerOfBlock() -> [Int] {
    var owners = [Int](repeating: 0, count: exchange.plan.layout.blockCount)
    for bucket in exchange.plan.buckets.indices {
      for node in exchange.node.topology.nodes.indices {
        for block in exchange.plan.part(ofNode: node, in: bucket) { owners[block] = node }
      }
    }
    return owners
  }
}
