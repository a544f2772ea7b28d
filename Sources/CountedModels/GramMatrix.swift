import Buffers
import MPI

/// `Σ x xᵀ` over all vectors of a side, in Float64, shared out over the ranks.
///
/// The side is cut into at most 64 blocks whatever the number of ranks; each block's sum is one rank's
/// work, and all ranks add the blocks in order, so the bits do not depend on the ranks.
final class GramMatrix {
  /// `[k, k]`, equal on all ranks after ``combine()``; the upper triangle is not used.
  let total: HostBuffer<Double>
  private let factors: Int
  private let parts: HostBuffer<Double>
  private let work: LeastSquaresRow
  private var counts: [Int] = []

  private static let mostBlocks = 64
  private static let leastBlock = 256

  /// Room for vectors of `factors` numbers.
  init(factors: Int) {
    self.factors = factors
    total = HostBuffer(count: factors * factors)
    parts = HostBuffer(count: Self.mostBlocks * factors * factors)
    work = LeastSquaresRow(width: factors)
  }

  /// The blocks that `count` vectors are cut into.
  static func blocks(_ count: Int) -> [Range<Int>] {
    let blocks = max(1, min(mostBlocks, count / leastBlock))
    return (0..<blocks).map { $0 * count / blocks..<($0 + 1) * count / blocks }
  }

  /// Sums up this rank's blocks.
  func accumulate(_ side: FactorSide, rank: Int, of ranks: Int) {
    let blocks = Self.blocks(side.count)
    let size = factors * factors
    let shares = (0..<ranks).map { $0 * blocks.count / ranks..<($0 + 1) * blocks.count / ranks }
    counts = shares.map { $0.count * size }
    for block in shares[rank] {
      work.begin(with: nil)
      for row in blocks[block] {
        work.add(side.vectors + row * factors, factors: factors, scale: 1, target: 0)
      }
      (parts.base + block * size).update(from: work.finishMatrix(), count: size)
    }
  }

  /// Brings all blocks to all ranks.
  func reduce(_ world: Communicator) throws(MPIError) {
    let all = UnsafeMutableBufferPointer(start: parts.base, count: counts.reduce(0, +))
    try world.joinInPlace(all, counts: counts)
  }

  /// Adds the blocks in order.
  func combine() {
    let size = factors * factors
    let blocks = counts.reduce(0, +) / size
    total.base.update(from: parts.base, count: size)
    for block in 1..<max(1, blocks) {
      for index in 0..<size { total.base[index] += parts.base[block * size + index] }
    }
  }
}
