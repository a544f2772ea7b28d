import Buffers
import Configuration
import Parameters
import Tensors

/// A network compiled for microbatches of up to N samples.
///
/// Compiling fixes the place of every activation, tape and gradient in one arena, so that a pass
/// allocates nothing. Parameters are not part of a model: every pass is given them, and the
/// model's ``layout`` says what lies where. A model runs one pass at a time, on one thread.
///
/// What a pass computes depends on parameters, samples, their numbers, the step and the seed, on
/// nothing else: not on the capacity, and not on earlier passes.
public final class Model {
  /// The slots of the parameters, in canonical order.
  public let layout: ParameterLayout
  /// The predictions, in the order of the configuration.
  public let heads: [Head]
  /// Two modalities drawn together by contrast, if the configuration couples any.
  public let coupling: Coupling?
  /// What can be removed from the network.
  public let units: UnitGraph
  /// All layers in forward order; layers inside a composite come before it.
  public let layers: [LayerSummary]
  /// N: the most samples of a microbatch.
  public let capacity: Int
  /// G: the microbatches over which synchronised batch norms take their statistics; 1 without any.
  public let synchronizedGroup: Int
  /// How often the members of a group meet in one pass: once per synchronised layer and direction.
  public let synchronizationPoints: Int
  /// The most Float64 of one member at a synchronisation point.
  public let largestSynchronizedWidth: Int

  /// Bytes of the tables that layers look up and never change, as the matrices of filter banks; beside
  /// the arena, once for all lanes.
  public let tableBytes: Int
  /// Floats of recurrent state of one sample that are carried from batch to batch; 0 where nothing is.
  public let carriedWidth: Int

  /// The names of the modalities, in order.
  public let modalities: [String]
  /// False for modalities that evaluation treats as missing; empty for none.
  var taken: [Bool] = []
  private let isSelectable: Bool

  let fields: [MicrobatchField]
  let seed: UInt64
  let fusion: Fusion
  let branches: [HeadBranch]
  let couplingBranch: CouplingBranch?
  let mixing: Mixing?
  let hintBranches: [HintBranch]
  let readPoints: [ReadPoint]
  let probes: [Compiler.Probe]
  let checks: [Compiler.IntegerCheck]
  let weightChecks: [Compiler.WeightCheck]
  let linearLayers: [LinearLayer]
  let inputTaps: [InputTap]
  let folds: [NormFold]
  let lengthChecks: [Compiler.LengthCheck]
  let tableReaders: [TableReader]
  let shardedReaders: [TableReader]
  let rowPort: RowPort
  let axes: AxisPlan
  /// Axes of microbatches that are measured without a pass, by capacity.
  var measured: AxisOffsets?
  /// Room for the rows of all members of a group.
  let statisticRows: HostBuffer<Double>
  private let lanePlan: Lane.Plan
  let purpose: Purpose
  /// Bytes of the arena that the forward pass is done with.
  private let released: [Range<Int>]
  private(set) var lanes: [Lane] = []
  /// The pass of each lane.
  private(set) var passes = HostBuffer<Pass>(count: 0)
  /// Lanes with a microbatch of the next pass of a group.
  var seated = 0

  /// What a model is compiled for.
  public enum Purpose: Sendable {
    /// Training and evaluation: what the backward pass reads is kept for it.
    case training
    /// Evaluation alone: nothing is kept longer than the forward pass reads it.
    case evaluation
  }

  /// Compiles `configuration` for data of `fields`.
  ///
  /// - Parameters:
  ///   - configuration: the network.
  ///   - fields: what each microbatch will hold, in its order.
  ///   - capacity: N, the most samples of a microbatch.
  ///   - seed: keys dropout and the initial values.
  ///   - precision: what matrix products and convolutions round their operands to, in training and in evaluation.
  ///   - requireTargets: false accepts data without the heads' targets, for prediction only.
  ///   - selectable: whether ``select(_:)`` may be used; costs a copy of the inputs in each pass.
  ///   - lanes: microbatches that go through the model at the same time, more than 1 only for
  ///     synchronised batch norms; see ``reserveLanes(_:)``.
  ///   - reading: paths of layers whose outputs are read after a pass; see ``readLayers``.
  ///   - purpose: what passes there will be; a model for evaluation takes less memory.
  ///   - sharesMemory: false gives every tensor memory of its own, for comparison.
  ///   - hints: layers that learn from those of another network; see ``learn(hints:)``.
  ///   - recompute: what a training pass computes a second time to take less memory; changes no bit.
  /// - Throws: ``ModelError`` naming the first layer, head or modality that does not fit.
  public init(
    _ configuration: ModelConfiguration, fields: [MicrobatchField], capacity: Int, seed: UInt64,
    precision: Precision = .float32, requireTargets: Bool = true, selectable: Bool = false,
    lanes: Int = 1, reading: [String] = [], purpose: Purpose = .training,
    sharesMemory: Bool = true, hints: [HintRequest] = [],
    recompute: TrainConfiguration.Recomputation = .none
  ) throws {
    guard capacity >= 1 else {
      throw ModelError(
        .setting, "batch.micro", "expected at least 1 sample in a microbatch, found \(capacity)")
    }
    var compiler = Compiler(
      capacity: capacity, precision: precision, purpose: purpose, sharesMemory: sharesMemory,
      recompute: recompute)
    let network = try compiler.network(
      configuration, fields: fields, requireTargets: requireTargets, selectable: selectable,
      wishes: Compiler.Wishes(reading: reading, hints: hints))
    released = compiler.plan.released
    let regions = compiler.slabs.reserve(in: &compiler.plan)
    // Layers use it all the time, so it lies where nothing else did.
    let scratch = compiler.plan.reserveApart(compiler.scratchCount)
    let start = compiler.plan.reserve(0)
    try Self.check(compiler.plan)
    lanePlan = Lane.Plan(
      arena: compiler.plan, start: start, scratch: scratch, slabs: regions, fields: fields.count,
      losses: 2 * network.heads.count + hints.count, axes: compiler.axes, capacity: capacity)
    let synchronization = compiler.synchronization
    synchronizedGroup = synchronization.group
    synchronizationPoints = 2 * synchronization.layers
    largestSynchronizedWidth = synchronization.width
    statisticRows = HostBuffer(count: synchronization.group * synchronization.width)
    (fusion, heads, branches) = (network.fusion, network.heads, network.branches)
    (coupling, couplingBranch) = (network.coupling, network.couplingBranch)
    (mixing, hintBranches, readPoints) = (network.mixing, network.hints, network.readPoints)
    (probes, checks) = (compiler.probes, compiler.checks)
    (weightChecks, lengthChecks) = (compiler.weightChecks, compiler.lengthChecks)
    linearLayers = compiler.linearLayers
    (inputTaps, folds) = (compiler.inputTaps, compiler.folds)
    (axes, carriedWidth) = (compiler.axes, compiler.carriedWidth)
    tableReaders = compiler.tableReaders
    (shardedReaders, rowPort) = (compiler.shardedReaders, compiler.rowPort)
    tableBytes = compiler.tableBytes
    (layout, layers, units) = (compiler.layout, compiler.summaries, compiler.units)
    (self.capacity, self.seed, self.fields, self.purpose) = (capacity, seed, fields, purpose)
    modalities = configuration.modalities.map(\.name)
    isSelectable = selectable
    reserveLanes(lanes)
  }

  /// Allocates lanes until there are `count`; each costs an arena.
  ///
  /// A lane holds one microbatch while it goes through the model. A rank that computes several
  /// members of a group at the same time needs one for each. Call it while setting up, not between
  /// steps.
  ///
  /// - Parameter count: lanes wanted; a model without any can only be looked at.
  public func reserveLanes(_ count: Int) {
    precondition(count >= 0, "a model cannot have \(count) lanes")
    while lanes.count < count { lanes.append(Lane(lanePlan)) }
    passes = HostBuffer(count: lanes.count)
  }

  /// Fills the memory of lane 0 with NaN, so that a test sees who reads what was not written in this pass.
  ///
  /// - Parameter onlyReleased: leaves alone what the backward pass may read.
  package func poison(onlyReleased: Bool) {
    let arena = lanes[0].arena
    for stretch in onlyReleased ? released : [0..<arena.byteCount] {
      arena.fill(stretch, with: 0xFF)
    }
  }

  /// Bytes of all activations, tapes, gradients and scratch together, of all lanes.
  public var arenaBytes: Int { lanes.count * laneBytes }

  /// The same of one lane.
  public var laneBytes: Int { lanePlan.arena.byteCount }

  /// Per head: Σ over the last microbatch of the class-weighted loss, not normalised; then per head that of its soft
  /// term, where it learns from teachers; then one per hint.
  ///
  /// 0 for a head without a target in the data.
  public var losses: UnsafePointer<Double> { losses(ofLane: 0) }

  /// Sequences that were too short to spell what a head should read, and were left out.
  ///
  /// - Parameter head: the head's index.
  /// - Returns: those of the last pass, and of all training passes so far; 0 for losses other than `ctc`.
  public func infeasibleSequences(ofHead head: Int) -> (lastPass: Int, inTraining: Int) {
    branches[head].loss?.infeasible ?? (0, 0)
  }

  /// The same for the microbatch that was in a lane.
  ///
  /// - Parameter lane: the number that ``seat(_:into:)`` returned.
  /// - Returns: two Float64 per head and one per hint, as ``losses`` has them.
  public func losses(ofLane lane: Int) -> UnsafePointer<Double> {
    UnsafePointer(lanes[lane].losses.base)
  }

  /// The predictions of a head in the last pass: samples, or steps of all samples together.
  ///
  /// - Parameters:
  ///   - index: the head's index.
  ///   - samples: the samples of that pass.
  ///   - lane: the lane the microbatch was in.
  /// - Returns: the number of rows of ``output(ofHead:inLane:)``.
  public func rows(ofHead index: Int, samples: Int, inLane lane: Int = 0) -> Int {
    lanes[lane].offsets.units(branches[index].output.axis, samples: samples)
  }

  /// Treats all but some modalities as missing in evaluation, of every sample.
  ///
  /// - Parameter names: the modalities that take part; nil for all.
  /// - Precondition: the model was compiled to be selectable, and has these modalities.
  public func select(_ names: [String]?) {
    guard let names else { return taken = [] }
    precondition(isSelectable, "a model that was not compiled to leave modalities out")
    precondition(Set(modalities).isSuperset(of: names), "modalities of another model")
    taken = modalities.map(names.contains)
  }

  /// The first row of a sample among the predictions of a head in the last evaluation, or nil where it has none.
  ///
  /// - Parameters:
  ///   - index: the head's index.
  ///   - sample: the sample's place in the microbatch.
  /// - Returns: a row of ``output(ofHead:inLane:)``.
  public func row(ofHead index: Int, sample: Int) -> Int? {
    guard let axis = branches[index].output.axis else { return sample }
    let offsets = lanes[0].offsets.offsets(axis)
    return offsets[sample + 1] > offsets[sample] ? offsets[sample] : nil
  }

  /// The labels of a head's predictions in the last evaluation, row by row.
  ///
  /// - Parameters:
  ///   - index: the head's index; its loss tells classes apart.
  ///   - microbatch: the samples of that pass.
  /// - Returns: as many labels as the head has predictions, or scalars of a target.
  public func labels(ofHead index: Int, _ microbatch: Microbatch) -> UnsafePointer<Int64> {
    guard let target = heads[index].targetIndex else { preconditionFailure("no target") }
    guard let region = branches[index].loss?.gathering?.region else {
      return UnsafePointer(microbatch.integers(target))
    }
    return UnsafePointer(lanes[0].arena.pointer(region, as: Int64.self))
  }

  /// The values of a head's targets in the last evaluation, row by row.
  ///
  /// - Parameters:
  ///   - index: the head's index; its loss compares values, which integer targets were made into.
  ///   - microbatch: the samples of that pass.
  /// - Returns: as many rows as the head has predictions.
  public func values(ofHead index: Int, _ microbatch: Microbatch) -> UnsafePointer<Float> {
    guard let target = heads[index].targetIndex else { preconditionFailure("no target") }
    let loss = branches[index].loss
    guard let region = loss?.converted ?? loss?.gathering?.region else {
      return UnsafePointer(microbatch.floats(target))
    }
    return UnsafePointer(lanes[0].arena.floats(region))
  }

  /// The outputs of a head in the last pass, `[rows, Y]`: logits or values.
  ///
  /// - Parameters:
  ///   - index: the head's index.
  ///   - lane: the lane the microbatch was in.
  /// - Returns: the first output of the first sample; valid until the next pass.
  public func output(ofHead index: Int, inLane lane: Int = 0) -> UnsafePointer<Float> {
    let lane = lanes[lane]
    switch branches[index].chain.output.place {
    case .field(let field):
      return UnsafePointer(lane.fieldBases[field].assumingMemoryBound(to: Float.self))
    case .region(let region): return UnsafePointer(lane.arena.floats(region))
    case .slab(let slab): return UnsafePointer(lane.slabs[slab])
    }
  }

  /// Refuses an arena that no machine could hold, before allocating it.
  private static func check(_ plan: ArenaPlan) throws {
    guard plan.byteCount > 1 << 42 else { return }
    throw ModelError(
      .size, "batch.micro",
      "expected an arena of at most 4 TiB, found \(plan.byteCount) bytes; use a smaller "
        + "microbatch or smaller layers")
  }
}
