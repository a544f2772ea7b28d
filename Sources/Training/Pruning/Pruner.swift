import Buffers
import Checkpoints
import Exchange
import MPI
import Optimizers
import Parameters
import Pruning

/// Prunes the weights of a run while it trains.
///
/// A mask is chosen between two steps. From then on what is dead is +0, in weights, optimizer state and
/// moving average, and so is its global gradient (`Exchange.setLive`): under every update rule 0 with a gradient and a
/// state of 0 stays 0, so nothing dead moves, and norms and trust ratios see what is live alone.
final class Pruner {
  let setUp: PruningSetUp
  /// Which parameters are live; nil before the first choice.
  private(set) var mask: ParameterMask?
  let scores: PruningScores
  let rewindPoint: RewindPoint?
  /// Which array of a checkpoint holds the mask.
  static let arrayName = "pruning.mask"

  let selector: MaskSelector
  /// Chooses what becomes zero together; nil where weights stand alone.
  private let patternSelector: PatternSelector?
  unowned let exchange: Exchange
  /// Whether the whole gradient travels in the current step.
  var seesAll = false
  /// |g| of owned places in such a step; empty where nothing comes back.
  let gradients: HostBuffer<Float>
  private unowned let optimizer: Optimizer
  /// The mask's words as a checkpoint takes them.
  private let words: HostBuffer<Float>

  /// Collective; nil where nothing is pruned.
  init?(_ setUp: PruningSetUp?, _ exchange: Exchange, _ optimizer: Optimizer) throws {
    guard let setUp else { return nil }
    self.setUp = setUp
    self.exchange = exchange
    self.optimizer = optimizer
    let count = exchange.plan.layout.count
    let select = RadixSelect(exchange.node.world)
    selector = MaskSelector(setUp.plan, count: count, select)
    patternSelector =
      setUp.plan.pattern == .single ? nil : PatternSelector(setUp.plan, count: count, select)
    scores = try PruningScores(setUp.configuration.criterion, setUp.plan, exchange)
    if case .weights? = setUp.schedule.rewind {
      rewindPoint = RewindPoint(exchange)
    } else {
      rewindPoint = nil
    }
    words = HostBuffer(count: 2 * ParameterMask.wordCount(of: count))
    gradients = HostBuffer(count: setUp.regrowth == nil ? 0 : exchange.owned.scalarCount)
  }

  /// Begins anew, with everything live.
  func reset() {
    setMask(nil)
    scores.clear()
  }

  /// Whether something is due after `step` steps.
  func isDue(after step: Int) -> Bool {
    setUp.schedule.isDue(after: step) || keepsWeights(after: step)
      || setUp.regrowth?.isDue(after: step) == true
  }

  /// Does what is due after `step` steps, between two steps of all ranks; collective.
  ///
  /// - Parameters:
  ///   - step: steps done.
  ///   - isSkipped: whether the last of them had no update, because its gradient was not finite.
  /// - Returns: what was chosen; nil where no mask was due.
  /// - Throws: `PruningError` or `MPIError`.
  func update(after step: Int, isSkipped: Bool) throws -> TrainingState.Pruning? {
    if let regrowth = setUp.regrowth, regrowth.isDue(after: step) {
      defer { seesAll = false }
      if !isSkipped { return try regrow(after: step, regrowth) }
      exchange.setLive(mask)
      return nil
    }
    if keepsWeights(after: step) { rewindPoint?.save() }
    guard setUp.schedule.isDue(after: step) else { return nil }
    let sparsity = setUp.schedule.sparsity(after: step)
    let choice: MaskChoice
    do {
      choice = try choose(sparsity)
    } catch let error as PruningError where error.code == .nonFinite {
      throw try scores.withStretches(mask) { try naming($0, step) }
    }
    if let rewindPoint {
      // Everybody has scored the weights that are put back now.
      try exchange.node.local.barrier()
      rewindPoint.putBack()
      optimizer.restart()
    }
    apply(choice.mask)
    // Nobody reads a weight before its writer was here.
    try exchange.node.local.barrier()
    return record(choice, step: step, sparsity: sparsity, thresholds: choice.thresholds)
  }

  /// What a choice came to.
  func record(
    _ choice: MaskChoice, step: Int, sparsity: Double, thresholds: [Threshold?], grown: Int? = nil
  ) -> TrainingState.Pruning {
    TrainingState.Pruning(
      step: step, sparsity: sparsity, zeros: choice.zeros.reduce(0, +),
      weights: setUp.plan.count, thresholds: thresholds.map { $0?.key },
      checksum: Self.text(choice.mask.checksum), grown: grown)
  }

  private func choose(_ sparsity: Double) throws -> MaskChoice {
    guard let patternSelector else {
      return try scores.withStretches(mask) {
        try selector.choose(sparsity: sparsity, scores: $0, mask: mask)
      }
    }
    return try patternSelector.choose(sparsity: sparsity, scores: scores.whole(), mask: mask)
  }

  private func keepsWeights(after step: Int) -> Bool {
    rewindPoint != nil && step == setUp.schedule.rewind?.step
  }

  /// Zeroes what is dead of all that this rank writes.
  func apply(_ mask: ParameterMask) {
    for range in exchange.written {
      mask.clearDead(range, in: exchange.store.base + range.lowerBound)
    }
    optimizer.clearDead(mask)
    scores.clear(keeping: mask)
    setMask(mask)
  }

  private func setMask(_ mask: ParameterMask?) {
    self.mask = mask
    exchange.setLive(mask)
    guard let bits = mask?.bits, let base = bits.baseAddress else { return }
    UnsafeMutableRawPointer(words.base).copyMemory(
      from: UnsafeRawPointer(base), byteCount: MemoryLayout<UInt64>.stride * bits.count)
  }

  /// A checksum as texts have it: sixteen digits.
  private static func text(_ checksum: UInt64) -> String {
    let digits = String(checksum, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// The error that names the tensor of a score that is not finite; collective.
  private func naming(_ stretches: [ScoreStretch], _ step: Int) throws -> PruningError {
    let own = setUp.plan.tensors.first { tensor in
      stretches.contains { stretch in
        stretch.range.clamped(to: tensor.range).contains {
          !stretch.base[$0 - stretch.range.lowerBound].isFinite
        }
      }
    }
    let names = try exchange.node.world.allGatherBytes(Array((own?.name ?? "").utf8))
    let rank = names.firstIndex { !$0.isEmpty } ?? 0
    return PruningError(
      .nonFinite,
      "after step \(step) \(String(decoding: names[rank], as: UTF8.self)) (owner rank \(rank)) holds a NaN or "
        + "infinity by its criterion \(setUp.configuration.criterion.rawValue), so nothing can be chosen to "
        + "prune; lower the learning rate or set train.clipNorm")
  }
}

// MARK: Checkpoints

extension Pruner {
  /// What this rank's shard holds of a checkpoint after `step` steps: its part of the mask, and what the criterion
  /// and the schedule keep.
  func arrays(after step: Int) -> [ShardArray] {
    var arrays = scores.state
    if let rewindPoint, step >= setUp.schedule.rewind?.step ?? 0 { arrays += rewindPoint.state }
    var all = arrays.map { ShardArray(name: $0.name, range: $0.range, base: $0.base) }
    let world = exchange.node.world
    let part = (0..<words.count).part(world.rank, of: world.size)
    if mask != nil, !part.isEmpty {
      all.append(
        ShardArray(name: Self.arrayName, range: part, base: words.base + part.lowerBound))
    }
    return all
  }

  /// How long the arrays are that do not follow the parameters.
  var lengths: [String: Int] { mask == nil ? [:] : [Self.arrayName: words.count] }

  /// Bytes that all ranks together add to a checkpoint, at most.
  var checkpointBytes: Int {
    let arrays = (scores.state.isEmpty ? 0 : 1) + (rewindPoint == nil ? 0 : 1)
    return MemoryLayout<Float>.stride * (words.count + arrays * exchange.plan.layout.count)
  }

  /// Goes on from a checkpoint; ranks need not meet.
  ///
  /// - Throws: `CheckpointError`, or ``TrainingError`` where the mask is not the one that was saved.
  func restore(_ checkpoint: Checkpoint) throws {
    reset()
    let state = checkpoint.manifest.state
    for part in scores.state { try checkpoint.read(part.name, part.range, into: part.base) }
    if checkpoint.holds(RewindPoint.arrayName) {
      for part in rewindPoint?.all ?? [] {
        try checkpoint.read(part.name, part.range, into: part.base)
      }
    }
    guard let record = state.pruning else { return }
    try checkpoint.read(Self.arrayName, 0..<words.count, into: words.base)
    let count = exchange.plan.layout.count
    let bits = HostBuffer<UInt64>(count: words.count / 2)
    UnsafeMutableRawPointer(bits.base).copyMemory(
      from: UnsafeRawPointer(words.base), byteCount: MemoryLayout<UInt64>.stride * bits.count)
    let beyond = count % 64 == 0 ? 0 : bits[bits.count - 1] >> UInt64(count % 64)
    guard beyond == 0 else { throw Self.foreign(record, "has bits beyond the last parameter") }
    let mask = ParameterMask(count: count, words: bits)
    let zeros = count - mask.liveCount
    guard zeros == record.zeros, Self.text(mask.checksum) == record.checksum else {
      throw Self.foreign(
        record, "has \(zeros) zeros and the checksum \(Self.text(mask.checksum))")
    }
    setMask(mask)
  }

  private static func foreign(_ record: TrainingState.Pruning, _ found: String) -> TrainingError {
    TrainingError(
      .badData,
      "the checkpoint is damaged: its mask of step \(record.step) should have \(record.zeros) zeros and the checksum "
        + "\(record.checksum), but \(found); go on from another checkpoint")
  }
}
