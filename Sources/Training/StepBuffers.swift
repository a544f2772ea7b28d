import Buffers
import Exchange
import MPI
import Optimizers
import Parameters

/// Numbers that ranks share once per step, in memory made once.
///
/// Every rank contributes a run of Float64 and receives all runs in rank order. Since ranks own
/// contiguous microbatches and blocks, rank order is index order, and sums over it have the same
/// bits on any number of ranks.
final class StepBuffers {
  /// The divisor of each head's loss over the global batch.
  let normalizers: HostBuffer<Double>
  /// Per rank: the losses of its microbatches (per head), then one flag.
  let losses: HostBuffer<Double>
  /// Per piece of every block: Σ g².
  let gradientNorms: HostBuffer<Double>
  /// Per piece of every block: Σ w² and Σ r², for rules that need them.
  let tensorNorms: HostBuffer<Double>

  /// Numbers each rank contributes to ``gradientNorms``.
  let pieceCounts: [Int]
  /// Numbers each rank contributes to ``tensorNorms``.
  let tensorCounts: [Int]

  private let ranks: Int
  private let rank: Int
  private let heads: Int
  private var lossCounts: [Int: [Int]] = [:]

  init(_ world: Communicator, setUp: TrainingSetUp, optimizer: Optimizer) {
    ranks = world.size
    rank = world.rank
    heads = setUp.model.heads.count
    normalizers = HostBuffer(count: heads)
    let microbatches = setUp.plan.microbatchCount(ofStep: 0)
    losses = HostBuffer(count: microbatches * heads + world.size)
    let layout = setUp.model.layout
    let counts = (0..<world.size).map { rank in
      optimizer.pieceCount(ofBlocks: Exchange.blocks(ofRank: rank, of: world.size, in: layout))
    }
    pieceCounts = counts
    tensorCounts = counts.map { 2 * $0 }
    let pieces = counts.reduce(0, +)
    gradientNorms = HostBuffer(count: pieces)
    tensorNorms = HostBuffer(count: optimizer.needsTensorNorms ? 2 * pieces : 0)
  }

  /// This rank's first place in ``gradientNorms``.
  var firstPiece: Int { pieceCounts[..<rank].reduce(0, +) }

  /// Numbers each rank contributes to ``losses`` in a step of `microbatches`.
  func lossCounts(ofStepWith microbatches: Int) -> [Int] {
    if let known = lossCounts[microbatches] { return known }
    let counts = (0..<ranks).map {
      SummationTree.share(ofRank: $0, of: ranks, count: microbatches).count * heads + 1
    }
    lossCounts[microbatches] = counts
    return counts
  }
}
