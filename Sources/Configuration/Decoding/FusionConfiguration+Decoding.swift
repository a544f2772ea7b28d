extension FusionConfiguration {
  /// The most tokens and blocks of a bottleneck.
  private static let most = 1024

  /// Reads a fusion: a name, or a name with its options.
  init?(reading value: ValueReader) {
    guard
      let block = Block(
        value, sort: "fusion", known: Vocabulary.fusions)
    else { return nil }
    switch block.name {
    case "gated":
      let map = block.options(Vocabulary.gated, shorthand: "out")
      self = .gated(out: map.required("out")?.size(from: 1) ?? 1)
    case "lowRank":
      let map = block.options(Vocabulary.lowRank)
      self = .lowRank(
        rank: map.required("rank")?.size(from: 1) ?? 1,
        out: map.required("out")?.size(from: 1) ?? 1)
    case "lateProduct":
      let map = block.options(Vocabulary.lateProduct, shorthand: "prior")
      self = .lateProduct(prior: map.optional("prior").flatMap(Self.prior))
    case "crossAttention":
      let map = block.options(Vocabulary.crossAttention, shorthand: "heads")
      self = .crossAttention(heads: map.required("heads")?.size(from: 1) ?? 1)
    case "bottleneck":
      let map = block.options(Vocabulary.bottleneck)
      self = .bottleneck(
        BottleneckConfiguration(
          tokens: map.required("tokens")?.integer(1...Self.most) ?? 1,
          layers: map.required("layers")?.integer(1...Self.most) ?? 1,
          heads: map.required("heads")?.size(from: 1) ?? 1,
          hidden: map.optional("hidden")?.size(from: 1)))
    default: self = Self.plain(block)
    }
  }

  /// A fusion without options.
  private static func plain(_ block: Block) -> FusionConfiguration {
    switch block.name {
    case "sum":
      _ = block.options(Vocabulary.sum)
      return .sum
    case "mean":
      _ = block.options(Vocabulary.mean)
      return .mean
    case "sequence":
      _ = block.options(Vocabulary.sequence)
      return .sequence
    case "tensor":
      _ = block.options(Vocabulary.tensor)
      return .tensor
    default:
      _ = block.options(Vocabulary.concatFusion)
      return .concat
    }
  }

  /// The classes' probabilities.
  private static func prior(_ value: ValueReader) -> [Double]? {
    guard let prior = value.numberList(.open) else { return nil }
    let sum = prior.reduce(0, +)
    if abs(sum - 1) > 1e-3 { value.fail("expected probabilities that add up to 1, found \(sum)") }
    return prior
  }
}

extension MissingConfiguration {
  /// Reads `missing`.
  init(reading value: ValueReader) {
    let map = MapReader(value, Vocabulary.missing)
    let rates = map.optional("drop")?.names("modalities with their rates") ?? []
    self.init(
      drop: rates.map { Drop(modality: $0.name, rate: $0.value.number(.share) ?? 0) },
      substitute: map.optional("substitute")?.choice("substitute", of: Substitute.self) ?? .zero)
  }
}

extension EvaluateConfiguration.Subsets {
  /// Reads `all`, or a list of lists of modalities.
  init?(reading value: ValueReader) {
    if case .scalar("all", quoted: _) = value.node.content {
      self = .all
      return
    }
    guard let lists = value.elements("all, or a list of lists of modalities") else { return nil }
    if lists.isEmpty { value.fail("expected at least one list of modalities, found none") }
    self = .listed(lists.compactMap { $0.texts("a modality's name") })
  }
}

extension RunConfiguration {
  /// Sources of heads, rates and subsets must name modalities.
  func checkModalities(_ map: MapReader) {
    let names = model.modalities.map(\.name)
    guard !names.isEmpty else { return }
    func check(_ name: String, _ path: [String], orFusion: Bool = false) {
      guard !names.contains(name), let value = map.value.descend(path) else { return }
      let known = orFusion ? [HeadConfiguration.fusion] + names : names
      value.fail(Spelling.unknown(orFusion ? "source" : "modality", name, known: known))
    }
    for head in model.heads {
      if let source = head.source { check(source, ["heads", head.name, "from"], orFusion: true) }
    }
    for drop in model.missing.drop { check(drop.modality, ["missing", "drop", drop.modality]) }
    guard case .listed(let lists) = evaluate.subsets else { return checkSubsets(names.count, map) }
    for (index, list) in lists.enumerated() {
      for name in list { check(name, ["evaluate", "subsets", "\(index)"]) }
      if Set(list).count < list.count {
        map.value.descend(["evaluate", "subsets", "\(index)"])?
          .fail("expected different modalities, found \(list.joined(separator: ", "))")
      }
    }
  }

  /// All subsets of many modalities are more than anybody wants to wait for.
  private func checkSubsets(_ modalities: Int, _ map: MapReader) {
    let most = EvaluateConfiguration.mostModalitiesOfAllSubsets
    guard evaluate.subsets == .all, modalities > most else { return }
    map.value.descend(["evaluate", "subsets"])?.fail(
      "expected a list of subsets where there are more than \(most) modalities, found all of "
        + "\(modalities)")
  }
}
