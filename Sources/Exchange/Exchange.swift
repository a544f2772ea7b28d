import Buffers
import MPI
@_spi(Exchange) import Parameters
import Tensors

/// Turns the gradients of a step's microbatches into global gradients, and updated owned weights
/// into weights everywhere: reduce, update, publish.
///
/// Each rank owns a contiguous run of blocks. A rank folds its own microbatches along
/// ``SummationTree`` and sends the owner of each block the few partial sums that are left; the owner
/// finishes the tree. The sum's bits depend on the tree alone, so they are the same on any number of
/// ranks. Optimizer state exists only at owners.
///
/// A step goes: ``begin(microbatches:)``; for each index of the share ``lendGradients()``, a backward
/// pass, ``submit(_:)``; ``reduce()``; the optimizer reads ``block(_:)`` and updates owned weights;
/// ``publish(_:)``. Every rank must make the same calls, ranks without a microbatch too.
///
/// - Cost per step and rank: `P · nodes` floats sent, where nodes is at most `2 · log2(V)` (1 when V
///   is a power-of-two multiple of R), and `P` floats received; `P · (log2(V) + 1)` floats of memory.
public final class Exchange {
  /// What lies where in the canonical order.
  public let layout: ParameterLayout
  /// The blocks this rank owns.
  public let ownedBlocks: Range<Int>
  /// The canonical range of ``ownedBlocks``.
  public let ownedRange: Range<Int>
  /// The microbatches of the current step that this rank computes.
  public private(set) var share = 0..<0

  let world: Communicator
  let owned: HostBuffer<Float>
  let stack: CarryStack
  let sends: RequestSet
  let receives: RequestSet
  let bucketCount: Int
  /// Scalars that each rank owns, in rank order.
  let ownedCounts: [Int]
  var incoming = Incoming()
  private(set) var step = StepPlan(microbatches: 0, ranks: 0)
  private var plans: [Int: StepPlan] = [:]

  /// Joins the exchange of `layout` with all ranks of `world`.
  ///
  /// - Parameters:
  ///   - world: the ranks that train together.
  ///   - layout: the same on every rank.
  ///   - bucketBytes: upper bound of one message; rounded down to whole blocks, at least one.
  public init(_ world: Communicator, layout: ParameterLayout, bucketBytes: Int) {
    self.world = world
    self.layout = layout
    sends = RequestSet(world)
    receives = RequestSet(world)
    ownedBlocks = Self.blocks(ofRank: world.rank, of: world.size, in: layout)
    ownedRange = Self.range(of: ownedBlocks, in: layout)
    owned = HostBuffer(count: ownedRange.count)
    stack = CarryStack(layout)
    let blockBytes = ParameterLayout.blockSize * MemoryLayout<Float>.stride
    bucketCount = max(1, bucketBytes / blockBytes) * ParameterLayout.blockSize
    ownedCounts = (0..<world.size).map {
      Self.range(of: Self.blocks(ofRank: $0, of: world.size, in: layout), in: layout).count
    }
  }

  /// The blocks that `rank` owns: a contiguous run, sizes within one block of each other.
  ///
  /// - Parameters:
  ///   - rank: the rank, in `0 ..< size`.
  ///   - size: R.
  ///   - layout: the parameters.
  /// - Returns: a run of block numbers, empty where there are fewer blocks than ranks.
  public static func blocks(
    ofRank rank: Int, of size: Int, in layout: ParameterLayout
  ) -> Range<Int> {
    rank * layout.blockCount / size..<(rank + 1) * layout.blockCount / size
  }

  /// The canonical range of a run of blocks.
  static func range(of blocks: Range<Int>, in layout: ParameterLayout) -> Range<Int> {
    let start = min(layout.count, blocks.lowerBound * ParameterLayout.blockSize)
    return start..<min(layout.count, blocks.upperBound * ParameterLayout.blockSize)
  }

  /// Begins a step.
  ///
  /// - Parameter microbatches: V of this step; the last step of an epoch may have fewer.
  public func begin(microbatches: Int) {
    precondition(microbatches > 0, "a step needs at least one microbatch")
    if let known = plans[microbatches] {
      step = known
    } else {
      step = StepPlan(microbatches: microbatches, ranks: world.size)
      plans[microbatches] = step
    }
    share = step.shares[world.rank]
    stack.begin(count: microbatches)
  }

  /// Lends room for the gradient of one microbatch; hand it back by ``submit(_:)``.
  public func lendGradients() -> LocalGradients { stack.lend() }

  /// Hands in a finished gradient; indices of ``share`` must come in order.
  public func submit(_ gradients: consuming LocalGradients) { stack.push(gradients) }

  /// One owned block of the step's global gradient; valid between ``reduce()`` and the next step.
  ///
  /// - Parameter index: a block number within ``ownedBlocks``.
  /// - Returns: the tree's sum over all microbatches.
  public func block(_ index: Int) -> GlobalGradients.Block {
    precondition(ownedBlocks.contains(index), "block \(index) belongs to another rank")
    let range = layout.block(index)
    return GlobalGradients.Block(
      index: index, range: range, values: owned.base + (range.lowerBound - ownedRange.lowerBound))
  }

  /// Bytes this rank holds for partial sums, received slices and owned gradients.
  public var memoryBytes: Int {
    (stack.bufferCount * layout.count + owned.count + incoming.floats) * MemoryLayout<Float>.stride
  }
}
