import Buffers

/// The blocks that one rank owns, as ascending runs, and where their scalars lie when packed.
///
/// State that exists only at owners is stored packed: the runs' scalars one after the other.
public final class BlockSet {
  /// The layout whose blocks these are.
  public let layout: ParameterLayout
  /// Runs of block numbers, ascending, disjoint and not adjacent.
  public let runs: [Range<Int>]
  /// All scalars together.
  public let scalarCount: Int

  /// The packed place of each block's first scalar, -1 for blocks that are not in the set.
  private let packed: HostBuffer<Int>

  /// A set from runs in any order; empty runs are left out, adjacent ones joined.
  ///
  /// - Parameters:
  ///   - runs: disjoint runs of block numbers of `layout`.
  ///   - layout: the model's slots.
  public init(_ runs: [Range<Int>], of layout: ParameterLayout) {
    self.layout = layout
    let sorted = runs.filter { !$0.isEmpty }.sorted { $0.lowerBound < $1.lowerBound }
    var joined: [Range<Int>] = []
    for run in sorted {
      let end = joined.last?.upperBound ?? 0
      precondition(
        run.lowerBound >= end && run.upperBound <= layout.blockCount,
        "blocks \(run) overlap others, or are not among the layout's 0..<\(layout.blockCount)")
      if let last = joined.last, last.upperBound == run.lowerBound {
        joined[joined.count - 1] = last.lowerBound..<run.upperBound
      } else {
        joined.append(run)
      }
    }
    self.runs = joined
    packed = HostBuffer(count: layout.blockCount)
    for block in 0..<layout.blockCount { packed[block] = -1 }
    var next = 0
    for block in joined.joined() {
      packed[block] = next
      next += layout.block(block).count
    }
    scalarCount = next
  }

  /// Every block of a layout.
  public static func all(of layout: ParameterLayout) -> BlockSet {
    BlockSet([0..<layout.blockCount], of: layout)
  }

  /// Whether `block` is in the set.
  public func contains(_ block: Int) -> Bool {
    block >= 0 && block < packed.count && packed[block] >= 0
  }

  /// The packed place of a block's first scalar; the block must be in the set.
  public func offset(ofBlock block: Int) -> Int {
    let place = packed[block]
    precondition(place >= 0, "block \(block) is not owned: \(runs)")
    return place
  }

  /// The runs as stretches of the canonical order outside of sharded tables, with their packed places.
  public var stretches: [(range: Range<Int>, offset: Int)] {
    let resident = layout.residentRanges
    return runs.flatMap { run in
      let whole = layout.range(ofBlocks: run)
      return resident.map { $0.clamped(to: whole) }.filter { !$0.isEmpty }.map {
        ($0, offset(ofBlock: run.lowerBound) + $0.lowerBound - whole.lowerBound)
      }
    }
  }
}

extension ParameterLayout {
  /// The canonical range of a run of blocks.
  public func range(ofBlocks blocks: Range<Int>) -> Range<Int> {
    let start = min(count, blocks.lowerBound * Self.blockSize)
    return start..<max(start, min(count, blocks.upperBound * Self.blockSize))
  }
}
