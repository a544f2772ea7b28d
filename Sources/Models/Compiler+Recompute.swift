import Buffers
import Configuration
import Tensors

/// Segments: runs of layers of which the inside is computed again on the way back.
extension Compiler {
  /// The runs of layers of a chain that are segments, in order.
  ///
  /// Only the chains of encoders, heads and couplings, and those of transformers, of fusions too, are cut. A transformer
  /// of such a chain is in no segment of it.
  func segments(of layers: [LayerConfiguration], layersPerBlock: Int?) -> [Range<Int>] {
    var (count, isEvery) = (0, false)
    switch recompute {
    case .none: return []
    case .blocks(let blocks): (count, isEvery) = (blocks, layersPerBlock != nil)
    case .layers(let layers): (count, isEvery) = (layers, true)
    }
    guard !isInSegment else { return [] }
    let size = count.multipliedReportingOverflow(by: layersPerBlock ?? 1).partialValue
    let stretches = layers.indices.split { layers[$0].isTransformer }
    return stretches.flatMap { stretch -> [Range<Int>] in
      let members = stretch.filter { isEvery || layers[$0].isBlock }
      return stride(from: 0, to: members.count, by: size).map { first in
        members[first]..<members[min(first + size, members.count) - 1] + 1
      }
    }
  }

  /// Compiles some layers of a chain as a segment.
  mutating func recompute(
    _ range: Range<Int>, of list: LayerList, _ links: inout Links
  ) throws {
    let input = links.value.shared
    guard let kept = try rehearse(range, of: list, from: input) else {
      return try extend(&links, by: range, of: list)
    }
    plan.beginSegment(keeping: kept)
    isInSegment = true
    let firstProbe = probes.count
    var inside = Links(value: input)
    try extend(&inside, by: range, of: list)
    isInSegment = false
    _ = plan.endSegment()
    forgetInside(from: firstProbe, input)
    // Others may read the output until the pass is over, so nobody writes over it.
    let output = inside.value.shared
    let layer = RecomputedChain(Chain(input: input, output: output, stages: inside.stages))
    recomputed.append(layer)
    links.stages.append(Chain.Stage(layer: layer, index: summaries.count - 1, firstSlot: nil))
    links.value = output
    links.life = Life()
  }

  /// Leaves out the probes of a segment but for that of its output, and of what is read inside.
  private mutating func forgetInside(from first: Int, _ input: Value) {
    let (last, pinned) = (probes.removeLast(), pinned)
    forgetProbes(from: first) { place in
      guard case .region(let region) = place else { return false }
      return place != input.place && !pinned.contains(region)
    }
    probes.append(last)
  }

  /// Which reservations of a segment outlive it, counted from 0: its output, and what is read inside.
  ///
  /// Only who has compiled the layers knows, so a copy of the compiler does. Nil where they are only another view.
  private func rehearse(
    _ range: Range<Int>, of list: LayerList, from input: Value
  ) throws -> Set<Int>? {
    var copy = self
    copy.isInSegment = true
    copy.plan.beginSegment(keeping: [])
    var inside = Links(value: input)
    try copy.extend(&inside, by: range, of: list)
    guard inside.value.place != input.place else { return nil }
    let reserved = copy.plan.endSegment()
    let lasting = copy.pinned.subtracting(pinned).map(Place.region) + [inside.value.place]
    return Set(lasting.compactMap { place in reserved.lastIndex { .region($0) == place } })
  }

  /// Lets the last segment stay as it is until the way back, which begins with it.
  mutating func settleSegments() throws {
    guard recompute != .none else { return }
    guard recomputed.count > 1 else {
      throw ModelError(
        .structure, "train.recompute",
        "expected a network with at least two runs of layers to compute again, found "
          + "\(recomputed.count), which saves nothing; "
          + (recompute.countsBlocks
            ? "blocks are residual, concat and those of a transformer: write layers: N instead, or "
            : "take fewer layers, or ") + "leave recompute out")
    }
    recomputed.last?.isIntact = true
    markComputedAgain()
  }

  /// Marks the layers of which the forward pass is computed twice.
  private mutating func markComputedAgain() {
    let visits = Visits()
    let rows = HostBuffer<Double>(count: 1)
    // A pass of no microbatch computes nothing, and tells which layers it comes to.
    let nobody = Group(
      passes: UnsafeBufferPointer(start: nil, count: 0), members: 0, rows: rows.base,
      synchronizedLayers: 0, meeting: nil, observer: visits)
    // The way back comes only to what has a gradient.
    for chain in recomputed where chain.output.requiresGradient { chain.computeAgain(nobody) }
    for index in visits.layers { summaries[index].isComputedAgain = true }
  }

  /// Notes the layers of a forward pass.
  private final class Visits: PassObserver {
    private(set) var layers: Set<Int> = []
    func forward(layer index: Int) { layers.insert(index) }
    func backward(layer index: Int) {}
    func gradientsFinal(from offset: Int) {}
  }
}

extension LayerConfiguration {
  fileprivate var isTransformer: Bool {
    if case .transformer = self { return true }
    return false
  }

  /// Whether it is made of chains.
  fileprivate var isBlock: Bool {
    switch self {
    case .residual, .concat: true
    default: false
    }
  }
}
