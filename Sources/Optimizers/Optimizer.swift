import Buffers
import Configuration
import Parameters

/// Turns global gradients into new weights, for the blocks that this rank owns.
///
/// A step of the training loop calls, in this order:
///
/// 1. `measureGradient` for each owned block; the sums of all blocks are gathered and combined by
///    `GlobalNorm`, which every rank evaluates alike;
/// 2. where `needsTensorNorms`: `prepare` for each owned block, then `setTensorNorms` with the
///    gathered sums of all blocks;
/// 3. `update` for each owned block, then `finishStep` once.
///
/// Of a lazy table (`ParameterSlot.Table.lazy`) a step moves weights and moments of the rows it touches
/// and leaves all others; every row counts the same steps. As in PyTorch's `SparseAdam`, with momentum
/// and weight decay under the same rule. The moving average of weights moves whole.
///
/// A loop that neither clips nor checks norms may call `update` alone, block by block as they
/// arrive. State exists only for owned blocks. Every number is a function of the values passed in:
/// ownership, order of blocks and earlier calls on other blocks are invisible. Nothing allocates.
public final class Optimizer {
  /// The blocks this rank owns.
  public let blocks: BlockSet
  /// Updates done so far, which counts the bias correction and the average's warm-up.
  ///
  /// Set when a run resumes.
  public var stepsTaken = 0 {
    didSet { moments = Moments(rule, step: stepsTaken + 1) }
  }

  /// Whether ``update(_:parameters:gradientScale:learningRateFactor:samples:measuring:)`` leaves the moving average of weights to
  /// ``moveAverages(parameters:)``, because something else changes weights after it.
  public var averagesAreMovedLater = false

  let rule: OptimizerConfiguration.Rule
  /// Those of the step to come, worked out once for all its pieces.
  private(set) var moments: Moments
  let pieces: PieceTable
  let averageDecay: Double?
  /// Which rows of lazy tables the current step moves; filled by whoever deals the samples.
  let touched: TouchedRows
  let first: HostBuffer<Float>
  let second: HostBuffer<Float>
  let average: HostBuffer<Float>
  /// One trust ratio per slot.
  let ratios: HostBuffer<Float>
  /// Σ w² and Σ r² per slot.
  let tensorSums: HostBuffer<Double>
  let slotNames: [String]

  /// Prepares the tables and zeroed state.
  ///
  /// - Parameters:
  ///   - configuration: the update rule, its constants, and exceptions by name.
  ///   - layout: the model's slots.
  ///   - blocks: the blocks of `layout` this rank owns; may be none.
  ///   - ema: the decay of the moving average of weights, or nil for none.
  ///   - touched: which rows of lazy tables a step moves: to be filled anew before the first
  ///     `measureGradient` or `update` of each step; nil makes one that stays empty.
  /// - Precondition: a layout with lazy tables comes with a rule that needs no norms of tensors.
  /// - Throws: `OptimizerError` naming a pattern that fits no parameter.
  public init(
    _ configuration: OptimizerConfiguration, layout: ParameterLayout, blocks: BlockSet,
    ema: Double?, touched: TouchedRows? = nil
  ) throws {
    precondition(blocks.layout.count == layout.count, "the blocks are of another layout")
    let rules = try SlotRule.resolve(configuration, layout: layout)
    self.blocks = blocks
    rule = configuration.rule
    moments = Moments(rule, step: 1)
    pieces = PieceTable(layout, rules: rules)
    averageDecay = ema
    self.touched = touched ?? TouchedRows(layout)
    let buffers = Self.stateNames(configuration.rule).count
    let scalars = blocks.scalarCount
    // Of a table that moves in part, pages nobody touches should take no memory.
    let sweeps = self.touched.tables.isEmpty
    first = HostBuffer(count: buffers > 0 ? scalars : 0, largePages: sweeps)
    second = HostBuffer(count: buffers > 1 ? scalars : 0, largePages: sweeps)
    average = HostBuffer(count: ema == nil ? 0 : scalars, largePages: sweeps)
    slotNames = layout.slots.map(\.name)
    ratios = HostBuffer(count: slotNames.count)
    for index in 0..<ratios.count { ratios[index] = 1 }
    tensorSums = HostBuffer(count: 2 * slotNames.count)
    precondition(
      !needsTensorNorms || self.touched.tables.isEmpty, "a table that moves in part has no norm")
  }

  /// The names of a rule's state arrays in checkpoints, beside the moving average.
  public static func stateNames(_ rule: OptimizerConfiguration.Rule) -> [String] {
    switch rule {
    case .sgd(let momentum, _): momentum == 0 ? [] : ["momentum"]
    case .lars: ["momentum"]
    case .adam, .adamW, .lamb: ["adam.m", "adam.v"]
    }
  }

  /// Marks the end of a step in which every owned block was updated.
  ///
  /// A skipped step does not call this: the next one then repeats its bias correction.
  public func finishStep() { stepsTaken += 1 }

  /// The numbers of the pieces of a run of blocks: where the sums of `measureGradient` belong.
  public func pieces(ofBlocks blocks: Range<Int>) -> Range<Int> {
    pieces.range(ofBlocks: blocks)
  }

  /// The number of pieces of all blocks.
  public var pieceCount: Int { pieces.count }

  /// The parameter with the largest part in the gathered sums.
  public func largest(in sums: UnsafePointer<Double>) -> String {
    let index = (0..<pieces.count).max { sums[$0] < sums[$1] } ?? 0
    return slotNames[pieces[index].slot]
  }

  /// The name of the slot that a piece is a part of.
  public func name(ofPiece index: Int) -> String { slotNames[pieces[index].slot] }

  /// The parameter to name when the gathered sums hold a NaN or an infinity.
  ///
  /// - Parameter sums: one Float64 per piece of the layout.
  /// - Returns: the name of the first such slot in canonical order, or nil where all are finite.
  public func firstNonFinite(in sums: UnsafePointer<Double>) -> String? {
    for index in 0..<pieces.count where !sums[index].isFinite {
      return slotNames[pieces[index].slot]
    }
    return nil
  }
}
