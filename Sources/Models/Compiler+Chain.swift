import Configuration

extension Compiler {
  /// A chain as it is configured.
  struct LayerList {
    let layers: [LayerConfiguration]
    /// Paths are `prefix.0`, `prefix.1` and on.
    let prefix: String
    /// Whether the last layer computes again after the chain is over.
    let keepsLast: Bool
  }

  /// A chain as far as it is compiled.
  struct Links {
    var value: Value
    var stages: [Chain.Stage] = []
    var life = Life()
  }

  /// Compiles `configurations` one after the other; their paths are `prefix.0`, `prefix.1` and on.
  ///
  /// `keepsLast` says that the last layer computes again after the chain is over, `layersPerBlock` that so many layers
  /// make a block each.
  mutating func chain(
    _ configurations: [LayerConfiguration], from input: Value, prefix: String,
    keepsLast: Bool = false, layersPerBlock: Int? = nil
  ) throws -> Chain {
    let list = LayerList(layers: configurations, prefix: prefix, keepsLast: keepsLast)
    var links = Links(value: input)
    var next = 0
    for segment in segments(of: configurations, layersPerBlock: layersPerBlock) {
      try extend(&links, by: next..<segment.lowerBound, of: list)
      try recompute(segment, of: list, &links)
      next = segment.upperBound
    }
    try extend(&links, by: next..<configurations.count, of: list)
    return Chain(input: input, output: links.value, stages: links.stages)
  }

  /// Compiles some layers of a chain behind those before them.
  mutating func extend(
    _ links: inout Links, by range: Range<Int>, of list: LayerList
  ) throws {
    for index in range { try append(index, of: list, to: &links) }
  }

  private mutating func append(_ index: Int, of list: LayerList, to links: inout Links) throws {
    let configuration = list.layers[index]
    let context = LayerContext(
      path: "\(list.prefix).\(index)", input: links.value,
      previous: index > 0 ? list.layers[index - 1] : nil,
      next: index + 1 < list.layers.count ? list.layers[index + 1] : nil)
    let bytes = plan.byteCount
    let regions = plan.regions.count
    let scalars = layout.count
    let first = summaries.count
    let compiled = try layer(configuration, context)
    links.value = compiled.output
    if compiled.layer != nil, !(compiled.layer is ResidualLayer) { links.value.rectifier = nil }
    if !list.keepsLast || context.next != nil {
      settle(&links.life, compiled.layer, from: context.input, to: links.value, since: regions)
    }
    // Layers inside a composite are listed first and have counted their own share.
    let inner = summaries[first...]
    let own = layout.count - scalars - inner.reduce(0) { $0 + $1.parameterCount }
    if let layer = compiled.layer {
      links.stages.append(
        Chain.Stage(layer: layer, index: summaries.count, firstSlot: own > 0 ? scalars : nil))
    }
    summaries.append(
      LayerSummary(
        path: context.path, kind: configuration.kind, outputShape: links.value.shape,
        inputCount: context.input.count, outputCount: links.value.count,
        returnsGradient: context.input.requiresGradient, parameterCount: own,
        multiplyAddsPerSample: compiled.multiplyAdds,
        arenaBytes: plan.byteCount - bytes - inner.reduce(0) { $0 + $1.arenaBytes }))
    probes.append(Probe(path: context.path, links.value))
    guard let point = readPoint(context.path, links.value) else { return }
    links.value = point.output
    links.value.rectifier = nil
    links.life = Life()
    links.stages.append(Chain.Stage(layer: point, index: summaries.count - 1, firstSlot: nil))
  }
}
