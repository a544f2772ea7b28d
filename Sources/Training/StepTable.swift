import Buffers
import Exchange
import Optimizers
import Parameters

/// Numbers that ranks share once per step, in memory made once.
///
/// Each number has a place that does not depend on ranks: losses by microbatch, norms by piece of a
/// block. Sums over places in order therefore have the same bits on any number of ranks.
final class StepTable {
  /// The divisor of each head's loss over the global batch, then that of each head's soft term, then that of each hint.
  let normalizers: HostBuffer<Double>
  /// Losses by microbatch, head and term, then one wish per rank by place, then Σ g² per piece.
  let shared: SharedTable
  /// Σ w² and Σ r² per piece, for rules that need them.
  let tensorNorms: SharedTable?
  /// Which node writes which of ``tensorNorms``.
  let tensorParts: SharedTable.Parts

  /// Losses of a microbatch: one for each head, then, where heads learn from teachers, one for each soft term and
  /// for each hint.
  let lossCount: Int
  private let mostMicrobatches: Int
  private let plan: BucketPlan
  private let pieceRuns: [[Range<Int>]]
  private var parts: [Int: SharedTable.Parts] = [:]

  /// Collective on the node.
  init(_ exchange: Exchange, setUp: TrainingSetUp, optimizer: Optimizer) throws {
    lossCount =
      setUp.model.heads.count * (setUp.distillation == nil ? 1 : 2) + setUp.model.hints.count
    normalizers = HostBuffer(count: lossCount)
    mostMicrobatches = setUp.plan.microbatchCount(ofStep: 0)
    let plan = exchange.plan
    self.plan = plan
    pieceRuns = plan.topology.nodes.enumerated().map { node, ranks in
      plan.buckets.indices.flatMap {
        optimizer.residentPieces(ofBlocks: plan.part(ofNode: node, in: $0))
      }
        + plan.layout.shardedTables.flatMap { table in
          ranks.map {
            let rows = ShardedTable.rows(of: table, ofRank: $0, of: plan.topology.size)
            return optimizer.pieces(ofRows: rows, of: table)
          }
        }
    }
    let first = mostMicrobatches * lossCount + plan.topology.size
    shared = try SharedTable(
      exchange.node, count: first + optimizer.pieceCount, name: "aimass-step")
    tensorParts = SharedTable.Parts(
      pieceRuns.map { $0.map { 2 * $0.lowerBound..<2 * $0.upperBound } })
    tensorNorms =
      optimizer.needsTensorNorms
      ? try SharedTable(exchange.node, count: 2 * optimizer.pieceCount, name: "aimass-norms") : nil
  }

  /// The losses of a microbatch, ``lossCount`` of them.
  func losses(of microbatch: Int) -> UnsafeMutablePointer<Double> {
    shared.values + microbatch * lossCount
  }

  /// Added to a rank's wish when its part of the checkpoint under way is done.
  static let doneMark = 8

  /// What the ranks were asked to do, by place; see `Trainer.stepWish`.
  var wishes: UnsafeMutablePointer<Double> { shared.values + mostMicrobatches * lossCount }

  /// Σ g² of every piece.
  var gradientNorms: UnsafeMutablePointer<Double> { wishes + plan.topology.size }

  /// Which node writes which places in the step of `deal`.
  func parts(of deal: Deal) -> SharedTable.Parts {
    if let known = parts[deal.microbatches] { return known }
    let wishes = mostMicrobatches * lossCount
    let pieces = wishes + plan.topology.size
    let made = SharedTable.Parts(
      plan.topology.nodes.indices.map { node in
        let run = deal.runs[node]
        let places = plan.topology.places(ofNode: node)
        return [
          run.lowerBound * lossCount..<run.upperBound * lossCount,
          wishes + places.lowerBound..<wishes + places.upperBound,
        ] + pieceRuns[node].map { pieces + $0.lowerBound..<pieces + $0.upperBound }
      })
    parts[deal.microbatches] = made
    return made
  }
}
