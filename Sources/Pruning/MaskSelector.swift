import Buffers
import MPI
import Parameters

/// A mask that all ranks chose together.
public struct MaskChoice {
  /// Which parameters are live.
  public let mask: ParameterMask
  /// The zeros of every tensor of the plan.
  public let zeros: [Int]
  /// The threshold of each group; nil where nothing new was pruned.
  ///
  /// Where a tensor was kept from falling below its least, that of the others.
  public let thresholds: [Threshold?]
}

/// Chooses which weights are live so that exactly the number asked for is zero.
///
/// Every rank scores what it owns. Per group one ``RadixSelect`` finds the threshold; scores equal to it are
/// pruned in canonical order. A tensor that would fall below what it keeps loses all but its largest, and the
/// select is done again over the others. What is dead stays dead. All of it rests on whole numbers that all ranks share,
/// so the mask is the same on any number of ranks.
///
/// - Cost: three sweeps over this rank's scores, three more for every time tensors fell short; one
///   reduction of P / 8 bytes.
public final class MaskSelector {
  /// What is pruned.
  public let plan: PruningPlan
  private let count: Int
  private let world: Communicator
  private let select: RadixSelect

  /// A selector for the parameters of a model.
  ///
  /// - Parameters:
  ///   - plan: what is pruned.
  ///   - count: P.
  ///   - select: finds thresholds over all ranks.
  public init(_ plan: PruningPlan, count: Int, _ select: RadixSelect) {
    self.plan = plan
    self.count = count
    self.select = select
    world = select.world
  }

  /// Chooses a mask; collective.
  ///
  /// - Parameters:
  ///   - sparsity: the share of each group that is zero afterwards, in `0 ..< 1`; less than what is dead already
  ///     leaves it so.
  ///   - scores: what this rank owns, ascending, of blocks that no other rank has.
  ///   - mask: what was live so far; nil: all.
  /// - Returns: the choice, equal on all ranks.
  /// - Throws: ``PruningError`` for a NaN or infinity, or where ranks do not agree; `MPIError`.
  public func choose(
    sparsity: Double, scores: [ScoreStretch], mask: ParameterMask?
  ) throws -> MaskChoice {
    let words = MaskWords(count: count)
    var zeros = [Int](repeating: 0, count: plan.tensors.count)
    var thresholds: [Threshold?] = []
    for group in 0..<plan.groupCount {
      let members = plan.tensors.indices.filter { plan.tensors[$0].group == group }
      let pool = Pool(words: words, scores: scores, mask: mask)
      thresholds.append(
        try prune(
          members, to: plan.zeros(ofGroup: group, at: sparsity), in: pool, zeros: &zeros))
    }
    try world.allReduce(words.all, by: .sum)
    words.revive(outside: plan.tensors.map(\.range), count: count)
    let chosen = words.mask(count: count)
    try Self.requireAgreement(chosen, zeros: zeros.reduce(0, +), count: count, world)
    return MaskChoice(mask: chosen, zeros: zeros, thresholds: thresholds)
  }

  /// What the selects of one choice share.
  private struct Pool {
    let words: MaskWords
    let scores: [ScoreStretch]
    let mask: ParameterMask?

    func dead(in tensor: PruningPlan.Tensor) -> Int {
      mask.map { tensor.range.count - $0.liveCount(in: tensor.range) } ?? 0
    }
  }

  /// Prunes a group; tensors that fall short are set aside one after the other.
  private func prune(
    _ members: [Int], to wanted: Int, in pool: Pool, zeros: inout [Int]
  ) throws -> Threshold? {
    var (rest, left) = (members, wanted)
    while true {
      let threshold = try mark(rest, zeros: left, in: pool, counts: &zeros)
      let short = rest.filter {
        plan.tensors[$0].range.count - zeros[$0] < plan.tensors[$0].least
      }
      guard !short.isEmpty else { return threshold }
      for index in short {
        let tensor = plan.tensors[index]
        let most = tensor.range.count - tensor.least
        _ = try mark([index], zeros: most, in: pool, counts: &zeros)
        left -= most
      }
      rest.removeAll(where: short.contains)
    }
  }

  /// Marks tensors that share a threshold, and counts the zeros of each.
  private func mark(
    _ members: [Int], zeros wanted: Int, in pool: Pool, counts: inout [Int]
  ) throws -> Threshold? {
    let tensors = members.map { plan.tensors[$0] }
    let parts = tensors.map { tensor in pool.scores.compactMap { $0.part(tensor.range) } }
    let dead = tensors.reduce(0) { $0 + pool.dead(in: $1) }
    var threshold: Threshold?
    if wanted > dead {
      threshold = try select.threshold(
        pruning: wanted - dead, of: parts.flatMap { $0 }, dead: dead)
    }
    let isCut = threshold.map { $0.ties < $0.equals } ?? false
    let cut = threshold.map { isCut ? $0.key : $0.key + 1 } ?? 0
    var sums = parts.map { parts in
      parts.reduce(Int64(0)) { $0 + Int64(pool.words.mark($1, from: cut, pool.mask)) }
    }
    if isCut, let threshold { try takeTies(threshold, parts, in: pool, sums: &sums) }
    try world.allReduce(&sums, by: .sum)
    let total = Int(sums.reduce(0, +))
    guard total == max(wanted, dead) else {
      throw PruningError(
        .disagreement,
        "\(max(wanted, dead)) weights should be zero, but \(total) are: a dead weight is not 0 any more; "
          + "memory or a processor is faulty, or the mask is of other weights")
    }
    for (index, sum) in zip(members, sums) { counts[index] = Int(sum) }
    return threshold
  }

  /// Prunes the first of the scores that equal the threshold, in canonical order.
  private func takeTies(
    _ threshold: Threshold, _ parts: [[ScoreStretch]], in pool: Pool, sums: inout [Int64]
  ) throws {
    let ties = pool.words.ties
    ties.update(repeating: 0)
    for part in parts.joined() { pool.words.countTies(part, threshold.key) }
    try world.allReduce(ties, by: .sum)
    var left = Int64(threshold.ties)
    for block in ties.indices {
      ties[block] = min(ties[block], left)
      left -= ties[block]
    }
    for (index, parts) in parts.enumerated() {
      for part in parts { sums[index] += Int64(pool.words.takeTies(part, threshold.key)) }
    }
  }

  /// Compares the masks of all ranks, and their zeros with what was counted.
  static func requireAgreement(
    _ mask: ParameterMask, zeros: Int, count: Int, _ world: Communicator
  ) throws {
    let sum = Int64(bitPattern: mask.checksum)
    let (least, most) = (
      try world.allReduce(sum, by: .minimum), try world.allReduce(sum, by: .maximum)
    )
    guard least == most, count - mask.liveCount == zeros else {
      throw PruningError(
        .disagreement,
        "the ranks chose different masks, or one of them miscounted: memory or a processor is faulty; go on "
          + "from the last checkpoint without it")
    }
  }
}
