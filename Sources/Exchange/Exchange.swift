import Buffers
import MPI
@_spi(Exchange) import Parameters
import Tensors

/// Turns the gradients of a step's microbatches into global gradients, and updated owned weights into
/// weights everywhere: reduce, update, publish.
///
/// The ranks of a node hold the weights once, in shared memory, and read each other's gradients. A step:
///
/// 1. ``begin(microbatches:)``.
/// 2. For each index of ``share``: ``lendGradients()``, a backward pass that may call
///    ``advance(from:)`` as layers finish, ``submit(_:)``. Each wave of gradients is added to the
///    partial sums by the reducers, along ``SummationTree``; the last wave's sums leave for the owners.
/// 3. ``nextReduced()`` until nil: the owned blocks of one bucket after the other are global gradients.
/// 4. The optimizer updates owned weights in ``store``; ``publish(_:)`` tells the others, bucket by
///    bucket. It may do so between the calls of step 3.
/// 5. ``finish()``: all weights are new on this node.
///
/// The bits of a sum depend on the tree alone, so they are the same on any number of ranks and nodes;
/// with a ``WireFormat`` other than float32 they depend on which node computes and owns what, too.
/// Every rank makes the same calls, ranks without a microbatch too.
///
/// - Cost per step, with P parameters, L ranks on the node, M nodes, V microbatches: a rank reads
///   `P · V / R` floats of gradients; a node sends and receives `2 · P · (M − 1) / M` floats where its
///   microbatches make one node of the tree. Memory: P floats of weights per node, 2 P of gradients
///   per rank (P where it is the only one), `P / L · (log2(V) + 1)` of partial sums per rank.
public final class Exchange {
  /// Who shares memory with whom.
  public let node: Node
  /// What travels together, and who owns it.
  public let plan: BucketPlan
  /// The blocks this rank owns.
  public let owned: BlockSet
  /// The model's values; one copy per node.
  public let store: ParameterStore
  /// Who computes what in the current step.
  public var deal: Deal { step.deal }
  /// The microbatches of the current step that this rank computes.
  public var share: StrideTo<Int> { step.deal.share(of: node.seat) }
  /// Told what this rank works on and for whom it waits.
  public weak var observer: (any ExchangeObserver)?
  /// Moves messages of a step that is under way while this rank computes; nil without a spare core.
  public var progressThread: ProgressThread?

  let memory: ExchangeMemory
  let reducer: Reducer
  let link: Link
  let residual: WireResidual?
  let group: Int
  private let wire: WireFormat
  private var live: ParameterMask?
  /// The weights that other nodes have of what this rank owns, where messages are compared with them.
  private let known: FloatArray
  private let compares: Bool
  var step: StepPlan
  private var plans: [Int: StepPlan] = [:]
  private var incoming: [FloatArray] = []

  /// Waves of this node before the current step.
  var firstWave = 0
  /// Gradients this rank has lent in the current step, and handed in.
  private var lent = 0
  var submitted = 0
  /// Pairs of (wave, bucket) folded since the start.
  var folded = 0
  /// Buckets of the current step that were handed out, and whose weights are in place.
  var yielded = 0
  var published = 0
  private var ownPublished = 0
  /// Steps finished since the start.
  private(set) var stepNumber = 0
  /// Steps of the run before the current one, which count the warm-up of ``WireFormat/TopK``.
  ///
  /// Counts by itself; set when a run resumes.
  public var stepsTaken = 0

  /// Joins the exchange of `layout` with all ranks.
  ///
  /// Collective.
  ///
  /// - Parameters:
  ///   - node: the ranks.
  ///   - layout: the same on every rank.
  ///   - bucketBytes: upper bound of a bucket; rounded down to whole blocks, at least one.
  ///   - group: G, the microbatches that a synchronised batch norm spans; 1 without.
  ///   - wire: in what form gradients travel between nodes; equal on every rank.
  /// - Throws: `AgreedFailure` where memory is short, or `MPIError`.
  public init(
    _ node: Node, layout: ParameterLayout, bucketBytes: Int, group: Int = 1,
    wire: WireFormat = .float32
  ) throws {
    self.node = node
    self.group = group
    self.wire = wire
    plan = BucketPlan(layout: layout, topology: node.topology, bucketBytes: bucketBytes)
    owned = plan.owned(by: node.seat)
    store = try Self.sharedStore(layout, node, name: "aimass-weights")
    let buffers = Self.gradientBuffers(
      ranks: node.world.size, local: node.local.size, group: group)
    memory = try ExchangeMemory(node, layout: layout, buffersPerRank: buffers)
    reducer = Reducer(plan, seat: node.seat)
    residual = wire.topK.map { [reducer, plan] in
      WireResidual($0, reducer, plan, node: node.seat.node)
    }
    link = try Link(node, plan, wire)
    compares = plan.buckets.indices.contains(where: link.compares)
    known = FloatArray(compares ? owned.scalarCount : 0)
    step = StepPlan(
      microbatches: 1, topology: node.topology, node: node.seat.node, group: group)
  }

  /// Values for `layout` that the ranks of this node share, zeroed.
  ///
  /// Collective on the node.
  ///
  /// - Parameter name: for people who look at `/proc/PID/maps`.
  /// - Returns: the store; every rank of the node sees the same memory.
  /// - Throws: `AgreedFailure` where memory is short, or `MPIError`.
  public func makeStore(name: String) throws -> ParameterStore {
    try Self.sharedStore(plan.layout, node, name: name)
  }

  private static func sharedStore(
    _ layout: ParameterLayout, _ node: Node, name: String
  ) throws -> ParameterStore {
    let bytes = max(1, layout.count) * MemoryLayout<Float>.stride
    let memory = try node.share(
      byteCount: bytes, name: name,
      claiming: layout.residentBytes(
        in: (0..<bytes).part(node.seat.localRank, of: node.local.size)))
    return ParameterStore(
      layout, viewing: memory.base.assumingMemoryBound(to: Float.self), keeper: memory)
  }

  /// Begins a step.
  ///
  /// - Parameter microbatches: V of this step; the last step of an epoch may have fewer.
  /// - Throws: `MPIError` if a message cannot be begun.
  public func begin(microbatches: Int) throws {
    precondition(microbatches > 0, "a step needs at least one microbatch")
    if let known = plans[microbatches] {
      step = known
    } else {
      step = StepPlan(
        microbatches: microbatches, topology: node.topology, node: node.seat.node, group: group,
        merges: wire.topK != nil)
      plans[microbatches] = step
    }
    reducer.reserve(step.sumCount)
    while incoming.count < step.incomingCount { incoming.append(FloatArray(owned.scalarCount)) }
    (lent, submitted, yielded, published, ownPublished) = (0, 0, 0, 0, 0)
    for bucket in plan.buckets.indices {
      try link.receiveSums(bucket, count: { step.sumsOfNode[$0] }) { lane, number in
        incoming[step.firstIncoming[lane.node] + number].base + packed(lane.range.lowerBound)
      }
      guard link.compares(bucket) else { continue }
      let range = reducer.parts[bucket][node.seat.node].range
      Kernels.copy(
        count: range.count, source: store.base + range.lowerBound,
        destination: known.base + packed(range.lowerBound))
    }
    skipWavesWithoutWork()
    progressThread?.isActive = node.topology.nodes.count > 1
  }

  /// Lends room for one gradient; hand it back by ``submit(_:)``, in the order of lending.
  ///
  /// - Returns: room whose content is undefined; the backward pass writes every slot.
  /// - Throws: `MPIError` if a message failed while this rank waited for its neighbours.
  public func lendGradients() throws -> LocalGradients {
    let wave = firstWave + lent
    lent += 1
    let free = (wave - memory.buffersPerRank + 1) * plan.buckets.count
    try wait(for: memory.drained, toReach: free, .reduce, bucket: 0)
    return LocalGradients(
      plan.layout, viewing: memory.gradient(of: node.seat.localRank, inWave: wave),
      keeper: memory.keeper)
  }

  /// Tells that the gradient being computed is final, and its weights are not read any more, at and
  /// after a canonical place; lets buckets that are whole leave.
  ///
  /// From then on the exchange may overwrite the gradient there: the caller reads it no more.
  ///
  /// - Parameter offset: falls from call to call within a pass.
  /// - Throws: `MPIError` if a message fails.
  public func advance(from offset: Int) throws {
    guard lent == submitted + 1 else { return }
    let buckets = plan.bucketCount(from: offset)
    guard buckets > 0 else { return }
    let own = memory.ready[node.seat.localRank]
    let value = (firstWave + submitted) * plan.buckets.count + buckets
    if !own.hasReached(value) { own.advance(to: value) }
    if node.topology.nodes.count > 1 { _ = try progress() }
  }

  /// Hands in a finished gradient.
  ///
  /// - Throws: `MPIError` if a message fails.
  public func submit(_ gradients: consuming LocalGradients) throws {
    let own = memory.gradient(of: node.seat.localRank, inWave: firstWave + submitted)
    precondition(
      gradients.values.base == own,
      "gradients must come from this exchange, in the order they were lent")
    try submitNext()
  }

  /// Hands in the oldest gradient that was lent and not handed in, by whoever wrote its memory.
  ///
  /// The memory lent stays where it is until then, also when the value that lent it is gone; so a rank
  /// can keep several for the members of a group.
  ///
  /// - Throws: `MPIError` if a message fails.
  public func submitNext() throws {
    precondition(submitted < lent, "no gradient was lent")
    let wave = firstWave + submitted
    submitted += 1
    memory.ready[node.seat.localRank].advance(to: (wave + 1) * plan.buckets.count)
    skipWavesWithoutWork()
    _ = try progress()
  }

  /// A rank without a microbatch in the node's last wave is ready for it at once.
  private func skipWavesWithoutWork() {
    let share = step.deal.runs[node.seat.node]
    let last = step.waves.count - 1
    let own = last * node.local.size + node.seat.localRank
    guard submitted == last, own >= share.count else { return }
    memory.ready[node.seat.localRank].advance(
      to: (firstWave + last + 1) * plan.buckets.count)
  }

  /// Waits until the owned blocks of the next bucket are global gradients.
  ///
  /// - Returns: the bucket's number, or nil when all of the step were handed out.
  /// - Throws: `MPIError` if a message fails.
  public func nextReduced() throws -> Int? {
    guard yielded < plan.buckets.count else { return nil }
    let bucket = yielded
    let pair = (firstWave + step.waves.count - 1) * plan.buckets.count + bucket + 1
    if folded < pair { try wait(for: memory.ready, toReach: pair, .reduce, bucket: bucket) }
    try waitForMessages(.wire, bucket: bucket, of: link.fromReducers[bucket].first?.node) {
      try link.sumsAreHere(bucket)
    }
    yield(bucket)
    return bucket
  }

  /// The same without waiting: nil when the next bucket is not there yet.
  public func reducedAlready() throws -> Int? {
    guard yielded < plan.buckets.count else { return nil }
    let pair = (firstWave + step.waves.count - 1) * plan.buckets.count + yielded + 1
    guard folded >= pair, try link.sumsAreHere(yielded) else { return nil }
    let bucket = yielded
    yield(bucket)
    return bucket
  }

  /// Finishes the tree over all nodes.
  private func yield(_ bucket: Int) {
    let part = reducer.parts[bucket][node.seat.node]
    step.finish.run(count: part.range.count) { place($0, part) }
    if let live, !part.range.isEmpty {
      live.clearDead(part.range, in: place(step.result, part))
    }
    yielded += 1
  }

  /// Where an operand's values of one of this rank's parts lie, after the last wave.
  func place(
    _ operand: FoldProgram.Operand, _ part: Reducer.Part
  ) -> UnsafeMutablePointer<Float> {
    switch operand {
    case .sum(let index): reducer.values(ofSum: index, part)
    case .incoming(let index): incoming[index].base + packed(part.range.lowerBound)
    case .gradient(let local):
      memory.gradient(of: local, inWave: firstWave + step.waves.count - 1) + part.range.lowerBound
    }
  }

  /// The packed place of an owned scalar.
  private func packed(_ place: Int) -> Int {
    let (block, rest) = place.quotientAndRemainder(dividingBy: ParameterLayout.blockSize)
    return owned.offset(ofBlock: block) + rest
  }

  /// The places of this node's weights that this rank alone writes: what it owns, and its share of what others do.
  public var written: [Range<Int>] {
    reducer.parts.joined().map(\.range).filter { !$0.isEmpty }
  }

  /// The blocks of a bucket that this rank owns.
  public func ownedBlocks(in bucket: Int) -> Range<Int> {
    plan.owned(by: node.seat, in: bucket)
  }

  /// One owned block of the step's global gradient; valid from ``nextReduced()`` until the next step.
  ///
  /// - Parameters:
  ///   - index: one of ``ownedBlocks(in:)``.
  ///   - bucket: the bucket it is in, handed out already.
  /// - Returns: the tree's sum over all microbatches.
  public func block(_ index: Int, in bucket: Int) -> GlobalGradients.Block {
    precondition(bucket < yielded, "bucket \(bucket) was not handed out yet")
    precondition(ownedBlocks(in: bucket).contains(index), "block \(index) belongs to another rank")
    let part = reducer.parts[bucket][node.seat.node]
    let range = plan.layout.block(index)
    return GlobalGradients.Block(
      index: index, range: range,
      values: place(step.result, part) + (range.lowerBound - part.range.lowerBound))
  }

  /// Tells that the owned weights of a bucket are new; buckets go in order.
  ///
  /// - Throws: `MPIError` if a message fails.
  public func publish(_ bucket: Int) throws {
    precondition(bucket == ownPublished && bucket < yielded, "bucket \(bucket) is not due")
    ownPublished += 1
    try link.exchangeWeights(bucket, of: store.base) { [self] lane in
      UnsafePointer(known.base + packed(lane.range.lowerBound))
    }
    try notePublished()
  }

  /// Counts buckets whose weights are all in place on this node, as far as this rank brings them.
  func notePublished() throws {
    var count = published
    let all = plan.buckets.count
    while count < ownPublished, try link.weightsAreHere(count),
      // What is sent may lie in a neighbour's gradient, which is used again once all is published.
      try count < all - 1 || link.isQuiet()
    {
      count += 1
    }
    guard count > published else { return }
    published = count
    memory.published[node.seat.localRank].advance(to: stepNumber * plan.buckets.count + count)
  }

  /// Ends the step: waits until all weights of this node are new.
  ///
  /// - Parameter updated: false where the step was left out and nothing was published; all ranks
  ///   decide alike.
  /// - Throws: `MPIError` if a message fails.
  public func finish(updated: Bool = true) throws {
    precondition(yielded == plan.buckets.count, "some buckets were not taken")
    let all = plan.buckets.count
    if !updated {
      precondition(ownPublished == 0, "a step is published whole or not at all")
      try waitForMessages(.publish, bucket: all - 1, of: nil) { try link.isQuiet() }
      published = all
      memory.published[node.seat.localRank].advance(to: (stepNumber + 1) * all)
    }
    while published < all {
      let next = published
      try waitForMessages(.publish, bucket: next, of: link.toOwners[next].first?.node) {
        published > next
      }
    }
    try wait(for: memory.published, toReach: (stepNumber + 1) * all, .publish, bucket: all - 1)
    progressThread?.isActive = false
    stepNumber += 1
    stepsTaken += 1
    firstWave += step.waves.count
  }

  /// Gives up in the middle of a step, before the job ends with an error.
  ///
  /// Messages in flight still point into this memory, which therefore is never freed.
  public func abandon() {
    progressThread = nil
    _ = Unmanaged.passRetained(self)
  }

  /// Bytes this rank holds for gradients, partial sums and what comes from other nodes.
  public var memoryBytes: Int {
    memory.gradientBytesPerRank + reducer.memoryBytes
      + (incoming.count + (compares ? 1 : 0)) * owned.scalarCount * MemoryLayout<Float>.stride
      + link.memoryBytes
      + (residual?.memoryBytes ?? 0)
  }

  /// Lets only live parameters travel, and makes the global gradient of all others +0.
  ///
  /// Outside a step, on all ranks. Weights that are not live have to stay as they are, or to be changed on
  /// all nodes alike: how much of them travels is not promised.
  ///
  /// - Parameter mask: over the layout, equal on all ranks; nil makes all live.
  public func setLive(_ mask: ParameterMask?) {
    precondition(mask.map { $0.count == plan.layout.count } ?? true, "a mask of another layout")
    live = mask
    residual?.setLive(mask)
    link.setLive(mask)
  }

  /// Bytes this rank has sent to other nodes since the start: gradients and weights, as handed to MPI.
  public var bytesSent: Int { link.bytesSent }
}
