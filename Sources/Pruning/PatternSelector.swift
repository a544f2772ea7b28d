import Buffers
import Configuration
import MPI
import Parameters

/// Chooses a mask whose zeros lie in a pattern: whole rectangles, or so many of every group.
///
/// *Blocks*: a rectangle is worth the mean of what its weights are worth, summed in Float64 in the order of places.
/// The choice is that of ``MaskSelector`` among rectangles instead of weights, so as many rectangles are zero as asked for,
/// exactly. *Groups*: of every group the weights worth least are zero, of equal ones those that come first. What is dead
/// stays dead in both.
///
/// - Cost: a sweep over the scores, shared by all ranks, and one reduction of P / 8 bytes.
public final class PatternSelector {
  /// What is pruned.
  public let plan: PruningPlan
  private let count: Int
  private let world: Communicator
  private let rectangles: MaskSelector

  /// A selector for the parameters of a model.
  ///
  /// - Parameters:
  ///   - plan: what is pruned, in a pattern.
  ///   - count: P.
  ///   - select: finds thresholds over all ranks.
  public init(_ plan: PruningPlan, count: Int, _ select: RadixSelect) {
    precondition(plan.pattern != .single, "weights that stand alone have no pattern")
    self.plan = plan
    self.count = count
    world = select.world
    let units = plan.rectangles
    rectangles = MaskSelector(units, count: units.count, select)
  }

  /// Chooses a mask; collective.
  ///
  /// - Parameters:
  ///   - sparsity: the share of each group's rectangles that is zero afterwards; of no meaning to groups of weights.
  ///   - scores: of all P places, equal on all ranks; those of dead places are 0 or -0.
  ///   - mask: what was live so far; nil: all.
  /// - Returns: the choice, equal on all ranks.
  /// - Throws: ``PruningError`` for a NaN or infinity, or where ranks do not agree; `MPIError`.
  public func choose(
    sparsity: Double, scores: UnsafePointer<Float>, mask: ParameterMask?
  ) throws -> MaskChoice {
    if case .group(let keep, _) = plan.pattern {
      return try chooseWeights(keep, scores, mask)
    }
    return try chooseRectangles(sparsity, scores, mask)
  }

  // MARK: Rectangles

  private func chooseRectangles(
    _ sparsity: Double, _ scores: UnsafePointer<Float>, _ mask: ParameterMask?
  ) throws -> MaskChoice {
    let units = rectangles.plan
    let means = HostBuffer<Float>(count: units.count)
    // A rank scores whole blocks of rectangles: masks are put together by words.
    let size = ParameterLayout.blockSize
    let blocks = share(of: (units.count + size - 1) / size)
    let own =
      min(units.count, blocks.lowerBound * size)..<min(units.count, blocks.upperBound * size)
    for (tensor, grid) in zip(units.tensors, plan.grids) {
      for unit in tensor.range.clamped(to: own) {
        means.base[unit] = Self.mean(grid, unit - tensor.range.lowerBound, scores)
      }
    }
    let live = mask.map { mask in
      Self.mask(of: units, plan.grids) { grid, unit in
        var isLive = false
        grid.forEachPlace(of: unit) { isLive = isLive || mask.isLive($0) }
        return isLive
      }
    }
    let stretches = own.isEmpty ? [] : [ScoreStretch(range: own, base: means.base + own.lowerBound)]
    let choice = try rectangles.choose(sparsity: sparsity, scores: stretches, mask: live)
    let words = liveWords()
    for (tensor, grid) in zip(units.tensors, plan.grids) {
      for unit in tensor.range where !choice.mask.isLive(unit) {
        grid.forEachPlace(of: unit - tensor.range.lowerBound) { words.clear($0) }
      }
    }
    return try finish(words, mask, thresholds: choice.thresholds)
  }

  private static func mean(
    _ grid: TensorGrid, _ unit: Int, _ scores: UnsafePointer<Float>
  ) -> Float {
    var sum = 0.0
    grid.forEachPlace(of: unit) { sum += Double(scores[$0].magnitude) }
    return Float(sum / Double(grid.size(of: unit)))
  }

  private static func mask(
    of units: PruningPlan, _ grids: [TensorGrid], _ isLive: (TensorGrid, Int) -> Bool
  ) -> ParameterMask {
    var tensor = 0
    return ParameterMask(count: units.count) { unit in
      while unit >= units.tensors[tensor].range.upperBound { tensor += 1 }
      return isLive(grids[tensor], unit - units.tensors[tensor].range.lowerBound)
    }
  }

  // MARK: Weights of groups

  private func chooseWeights(
    _ keep: Int, _ scores: UnsafePointer<Float>, _ mask: ParameterMask?
  ) throws -> MaskChoice {
    let dead = PlaceBits(count: count)
    var isSound = true
    var members: [(key: Int64, place: Int)] = []
    for grid in plan.grids {
      for unit in share(of: grid.count) {
        members.removeAll(keepingCapacity: true)
        grid.forEachPlace(of: unit) { place in
          isSound = isSound && scores[place].isFinite
          let key = Int64(scores[place].bitPattern & RadixSelect.magnitude)
          members.append((mask?.isLive(place) == false ? -1 : key, place))
        }
        members.sort { ($0.key, $0.place) < ($1.key, $1.place) }
        for (index, member) in members.enumerated()
        where member.key < 0 || index < members.count - keep {
          dead.set(member.place)
        }
      }
    }
    guard try world.allReduce(Int64(isSound ? 0 : 1), by: .maximum) == 0 else {
      throw PruningError(.nonFinite, "a weight or score is NaN or infinite")
    }
    // No two ranks have a place in common, so that their bits add up without a carry.
    try world.allReduce(dead.all, by: .sum)
    let words = liveWords()
    words.clear(dead)
    return try finish(words, nil, thresholds: [Threshold?](repeating: nil, count: plan.groupCount))
  }

  // MARK: Masks

  /// What this rank looks at of `count` things.
  private func share(of count: Int) -> Range<Int> {
    world.rank * count / world.size..<(world.rank + 1) * count / world.size
  }

  private func liveWords() -> PlaceBits {
    let words = PlaceBits(count: count)
    words.setAll()
    return words
  }

  private func finish(
    _ words: PlaceBits, _ before: ParameterMask?, thresholds: [Threshold?]
  ) throws -> MaskChoice {
    if let before { words.keep(only: before) }
    let mask = words.mask()
    let zeros = plan.tensors.map { $0.range.count - mask.liveCount(in: $0.range) }
    try MaskSelector.requireAgreement(mask, zeros: zeros.reduce(0, +), count: count, world)
    return MaskChoice(mask: mask, zeros: zeros, thresholds: thresholds)
  }
}

/// One bit for each place of the canonical order, while a mask is made of them.
final class PlaceBits {
  private let words: HostBuffer<UInt64>
  private let count: Int

  /// Bits of 0.
  init(count: Int) {
    self.count = count
    words = HostBuffer(count: ParameterMask.wordCount(of: count))
  }

  /// All words.
  var all: UnsafeMutableBufferPointer<UInt64> { words.all }

  func set(_ place: Int) { words.base[place / 64] |= 1 << UInt64(place % 64) }

  func clear(_ place: Int) { words.base[place / 64] &= ~(1 << UInt64(place % 64)) }

  func setAll() {
    words.all.update(repeating: ~0)
    if count % 64 > 0 { words.base[words.count - 1] = (1 << UInt64(count % 64)) - 1 }
  }

  /// Clears what is set in others.
  func clear(_ others: PlaceBits) {
    for index in 0..<words.count { words.base[index] &= ~others.words[index] }
  }

  /// Clears what is dead in a mask.
  func keep(only mask: ParameterMask) {
    for index in 0..<words.count { words.base[index] &= mask.bits[index] }
  }

  /// A mask with these bits.
  func mask() -> ParameterMask {
    let copy = HostBuffer<UInt64>(count: words.count)
    copy.base.update(from: words.base, count: words.count)
    return ParameterMask(count: count, words: copy)
  }
}
