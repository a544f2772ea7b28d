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
  /// All layers in forward order; layers inside a composite come before it.
  public let layers: [LayerSummary]
  /// N: the most samples of a microbatch.
  public let capacity: Int

  let fields: [MicrobatchField]
  let seed: UInt64
  let fusion: Fusion
  let branches: [HeadBranch]
  let fusedGradient: Place?
  let probes: [Compiler.Probe]
  let checks: [Compiler.IntegerCheck]
  let arena: Arena
  let memory: UnsafeMutableRawPointer
  let scratch: UnsafeMutablePointer<Float>
  let slabs: HostBuffer<UnsafeMutablePointer<Float>>
  let fieldBases: HostBuffer<UnsafeMutableRawPointer>
  let lossSums: HostBuffer<Double>

  /// Compiles `configuration` for data of `fields`.
  ///
  /// - Parameters:
  ///   - configuration: the network.
  ///   - fields: what each microbatch will hold, in its order.
  ///   - capacity: N, the most samples of a microbatch.
  ///   - seed: keys dropout and the initial values.
  ///   - requireTargets: false accepts data without the heads' targets, for prediction only.
  /// - Throws: ``ModelError`` naming the first layer, head or modality that does not fit.
  public init(
    _ configuration: ModelConfiguration, fields: [MicrobatchField], capacity: Int, seed: UInt64,
    requireTargets: Bool = true
  ) throws {
    guard capacity >= 1 else {
      throw ModelError(
        .setting, "batch.micro", "expected at least 1 sample in a microbatch, found \(capacity)")
    }
    var compiler = Compiler(capacity: capacity)
    let network = try compiler.network(
      configuration, fields: fields, requireTargets: requireTargets)
    let scratch = compiler.plan.reserve(compiler.scratchCount)
    let regions = compiler.slabs.reserve(in: &compiler.plan)
    let start = compiler.plan.reserve(0)
    try Self.check(compiler.plan)
    let arena = Arena(compiler.plan)
    self.arena = arena
    memory = UnsafeMutableRawPointer(arena.pointer(start, as: UInt8.self)) - start.offset
    self.scratch = arena.floats(scratch)
    slabs = HostBuffer(count: regions.count)
    for (index, region) in regions.enumerated() { slabs[index] = arena.floats(region) }
    fieldBases = HostBuffer(count: fields.count)
    lossSums = HostBuffer(count: network.heads.count)
    (fusion, heads, branches) = (network.fusion, network.heads, network.branches)
    fusedGradient = network.fusedGradient
    (probes, checks) = (compiler.probes, compiler.checks)
    (layout, layers) = (compiler.layout, compiler.summaries)
    (self.capacity, self.seed, self.fields) = (capacity, seed, fields)
  }

  /// Bytes of all activations, tapes, gradients and scratch together.
  public var arenaBytes: Int { arena.byteCount }

  /// Per head: Σ over the last microbatch of the class-weighted loss, not normalised.
  ///
  /// 0 for a head without a target in the data.
  public var losses: UnsafePointer<Double> { UnsafePointer(lossSums.base) }

  /// The outputs of a head in the last pass, `[n, Y]`: logits or values.
  public func output(ofHead index: Int) -> UnsafePointer<Float> {
    switch branches[index].chain.output.place {
    case .field(let field):
      return UnsafePointer(fieldBases[field].assumingMemoryBound(to: Float.self))
    case .region(let region): return UnsafePointer(arena.floats(region))
    case .slab(let slab): return UnsafePointer(slabs[slab])
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
