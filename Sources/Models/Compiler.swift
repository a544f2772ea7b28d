import Configuration
import Parameters
import Tensors

/// The state of compiling a configuration: what is reserved so far, and what was learnt.
struct Compiler {
  /// N: the most samples of a microbatch.
  let capacity: Int
  /// What matrix products and convolutions round their operands to.
  let precision: Precision
  /// What the model is for.
  let purpose: Model.Purpose
  /// What a training pass computes a second time.
  let recompute: TrainConfiguration.Recomputation
  /// Where everything of a pass will lie.
  var plan: ArenaPlan
  /// The slots, in canonical order.
  var layout = ParameterLayout()
  /// The layers, in forward order.
  var summaries: [LayerSummary] = []
  /// The outputs to look at when a number is not finite, in forward order.
  var probes: [Probe] = []
  /// The ids to check before a pass.
  var checks: [IntegerCheck] = []
  /// The linear layers, in forward order.
  var linearLayers: [LinearLayer] = []
  /// Where linear layers and convolutions read their inputs, in forward order.
  var inputTaps: [InputTap] = []
  /// The batch norms right behind such a layer.
  var folds: [NormFold] = []
  /// The weights to check before a pass.
  var weightChecks: [WeightCheck] = []
  /// Who reads the tables of which a step moves some rows, in canonical order.
  var tableReaders: [TableReader] = []
  /// Who reads the tables of which every row lies on one rank, in canonical order.
  var shardedReaders: [TableReader] = []
  /// Where they find the rows.
  let rowPort = RowPort()
  /// The lengths to check before a pass.
  var lengthChecks: [LengthCheck] = []
  /// The synchronised batch norms so far.
  var synchronization = Synchronization()
  /// Deviations of initial weights that a composite wants, by the path of the layer inside.
  var deviations: [String: Deviation] = [:]
  /// Floats of recurrent state of one sample that are carried from batch to batch, so far.
  var carriedWidth = 0
  /// The largest scratch of any layer, in floats.
  var scratchCount = 1
  /// Bytes of what layers look up and never change, beside the arena.
  var tableBytes = 0

  /// The chains of which the inside is computed again on the way back, in forward order.
  var recomputed: [RecomputedChain] = []
  /// True while one of them is compiled.
  var isInSegment = false

  /// What can be removed from the network, so far.
  var units = UnitGraph()
  /// The options that count what is inside of a composite, by the path of the layer inside.
  var owners: [String: SizeSetting?] = [:]
  /// How samples of a training pass are mixed, if they are.
  var mixing: Mixing?
  /// How many units samples have.
  var axes = AxisPlan()
  /// The memory of gradients.
  var slabs: SlabPlan
  /// Paths of layers whose outputs are read from outside.
  var readPaths: Set<String> = []
  /// Where they are read, so far.
  var foundPoints: [String: ReadPoint] = [:]
  /// The memory of what is read there, after a pass.
  var pinned: Set<Region> = []

  /// What the synchronised batch norms of a model have in common.
  struct Synchronization {
    /// G of all of them; 1 where there is none.
    var group = 1
    /// The first of them.
    var path = ""
    /// How many there are.
    var layers = 0
    /// The longest row that one of them exchanges, in Float64.
    var width = 0
  }

  /// The output of one layer, by name.
  struct Probe {
    let path: String
    let scalars: Extent
    /// Where it lies; rows that follow one another are those of units.
    var columns: JoinedColumns

    init(path: String, _ value: Value) {
      self.path = path
      scalars = value.scalars
      columns = JoinedColumns(place: value.place, column: 0, stride: value.unitCount)
    }
  }

  /// An integer field that must stay below a limit.
  struct IntegerCheck {
    let consumer: String
    let fieldIndex: Int
    let limit: Int
  }

  /// A field that must be finite and nowhere below 0.
  struct WeightCheck {
    let consumer: String
    let fieldIndex: Int
  }

  /// A field that must have as many units as what is compared with it.
  struct LengthCheck {
    let consumer: String
    let fieldIndex: Int
    let axis: Int
  }

  /// An empty compilation for microbatches of `capacity` samples.
  ///
  /// `sharesMemory` lets tensors lie where others lay that nobody needs any more.
  init(
    capacity: Int, precision: Precision = .float32, purpose: Model.Purpose = .training,
    sharesMemory: Bool = true, recompute: TrainConfiguration.Recomputation = .none
  ) {
    (self.capacity, self.precision) = (capacity, precision)
    (self.purpose, self.recompute) = (purpose, purpose == .training ? recompute : .none)
    plan = ArenaPlan(shares: sharesMemory)
    slabs = SlabPlan(capacity: capacity)
  }

  /// The tap of the layer whose weights begin at `offset`, which were reserved just now.
  mutating func tap(ofWeightAt offset: Int) -> InputTap {
    guard let slot = layout.slots.last(where: { $0.offset == offset }) else {
      preconditionFailure("a layer without weights")
    }
    let tap = InputTap(slot)
    inputTaps.append(tap)
    return tap
  }

  /// Remembers a batch norm of the outputs of the layer just before it.
  mutating func rememberFold(
    of norm: BatchNormLayer.Settings, channels: Int, behind previous: LayerConfiguration?
  ) {
    switch previous {
    case .linear, .conv, .conv1d: break
    default: return
    }
    // The norm's own four slots come last, before them the layer's weights and, if it has one, its bias.
    guard let tap = inputTaps.last else { return }
    let own = layout.slots.dropLast(4)
    let bias = own.last.flatMap { $0.offset == tap.weight.offset ? nil : $0 }
    folds.append(NormFold(weight: tap.weight, bias: bias, norm: norm, channels: channels))
  }

  /// The most scalars of one tensor or slot: BLAS counts with 32 bits.
  static let largestCount = Int(Int32.max)

  /// A layer with its output; no layer where the output is only another view of the input.
  struct Compiled {
    var layer: (any Layer)?
    var output: Value
    var multiplyAdds = 0
  }

  /// Where a layer stands.
  struct LayerContext {
    let path: String
    let input: Value
    let previous: LayerConfiguration?
    let next: LayerConfiguration?

    /// The same place with another input.
    func reading(_ value: Value) -> LayerContext {
      LayerContext(path: path, input: value, previous: previous, next: next)
    }
  }

  /// Reserves memory for an output of units of `shape`, as many as the input has, and describes it.
  ///
  /// `rule` says what its channels have to do with those of the input; without one they all stay. `apart` is for
  /// what layers before this one write too, so that it lies where nothing else did.
  mutating func output(
    _ shape: [Int], _ context: LayerContext, _ rule: UnitRule = .unknown, requiresGradient: Bool,
    overwritable: Bool = true, channelsFirst: Bool, apart: Bool = false
  ) throws -> Value {
    var value = context.input
    switch rule {
    case .same: break
    case .channels(let channels): value.channelUnits = channels
    case .unknown:
      units.fix(value.channelUnits, unruled: context.path)
      value.channelUnits = nil
    }
    value.shape = shape
    value.element = .float
    value.requiresGradient = requiresGradient
    value.overwritable = overwritable
    value.channelsFirst = channelsFirst
    value.flattened = nil
    value.isRectified = false
    let count = try memory(value, context.path)
    value.place = .region(apart ? plan.reserveApart(count) : plan.reserve(count))
    return value
  }

  /// The floats of `value` in a full microbatch.
  func memory(_ value: Value, _ path: String) throws -> Int {
    try product(value.shape + [value.mostUnits, capacity], path)
  }

  /// Reserves a slot of the layer at `context` and returns its offset; `axes` are the units along its axes.
  mutating func slot(
    _ name: String, _ shape: [Int], _ context: LayerContext,
    role: ParameterSlot.Role = .trainable, _ initializer: Initializer,
    foreign: ForeignLayout = .same, decays: Bool = false, table: ParameterSlot.Table? = nil,
    units axes: [ChannelUnits?] = []
  ) throws -> Int {
    units.place(axes, in: "\(context.path).\(name)", shape)
    // BLAS never sees a sharded table.
    if table != .sharded { _ = try product(shape, context.path) }
    return layout.reserve(
      "\(context.path).\(name)", shape, role: role, initializer: initializer, foreign: foreign,
      decaysByDefault: decays, table: table
    ).offset
  }

  /// The product of `extents`, or an error where memory could not hold so much.
  func product(_ extents: [Int], _ path: String) throws -> Int {
    var product = 1
    for extent in extents {
      let (next, overflow) = product.multipliedReportingOverflow(by: extent)
      guard !overflow, next <= Self.largestCount else { throw tooLarge(path) }
      product = next
    }
    return product
  }

  private func tooLarge(_ path: String) -> ModelError {
    ModelError(
      .size, path,
      "expected at most 2^31 - 1 scalars in one tensor, found more; choose smaller extents or a "
        + "smaller microbatch")
  }
}
