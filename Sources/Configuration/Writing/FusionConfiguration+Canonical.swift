extension FusionConfiguration {
  /// The fusion with its options.
  var canonical: CanonicalWriter.Value {
    func block(_ options: [(String, CanonicalWriter.Value)]) -> CanonicalWriter.Value {
      .inline([(keyword, .inline(options))])
    }
    switch self {
    case .concat, .sum, .mean, .tensor, .sequence, .lateProduct(nil): return .text(keyword)
    case .gated(let out): return block([("out", .number(out))])
    case .lowRank(let rank, let out):
      return block([("rank", .number(rank)), ("out", .number(out))])
    case .lateProduct(let prior?): return block([("prior", .numbers(prior))])
    case .crossAttention(let heads): return block([("heads", .number(heads))])
    case .bottleneck(let size):
      return block(
        [
          ("tokens", .number(size.tokens)), ("layers", .number(size.layers)),
          ("heads", .number(size.heads)),
        ] + (size.hidden.map { [("hidden", .number($0))] } ?? []))
    }
  }
}

extension MissingConfiguration {
  /// Rates and substitute.
  var canonical: CanonicalWriter.Value {
    .map([
      ("drop", .map(drop.map { ($0.modality, .number($0.rate)) })),
      ("substitute", .text(substitute.rawValue)),
    ])
  }
}

extension EvaluateConfiguration.Subsets {
  /// `all`, or the lists.
  var canonical: CanonicalWriter.Value {
    switch self {
    case .all: .text("all")
    case .listed(let lists): .list(lists.map { .list($0.map { .text($0) }) })
    }
  }
}
