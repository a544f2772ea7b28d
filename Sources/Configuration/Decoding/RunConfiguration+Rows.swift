extension RunConfiguration {
  /// Who moves only some rows of a table may depend neither on the whole table nor on earlier steps.
  func checkRows(_ map: MapReader) {
    guard model.modalities.contains(where: { $0.encoder.contains(where: \.isLazy) }) else { return }
    switch optimizer.rule {
    case .sgd, .adam, .adamW: break
    case .lamb, .lars:
      map.optional("optimizer")?.fail(
        "expected sgd, adam or adamW beside an embedding with rows: lazy, found a rule that scales by "
          + "norms of whole tables; or set rows: dense")
    }
    if case .topK = exchange.wire {
      map.value.descend(["exchange", "wire"])?.fail(
        "expected float32 or bfloat16 beside an embedding with rows: lazy, found topK, which brings rows "
          + "of earlier steps late; or set rows: dense")
    }
  }
}

extension LayerConfiguration {
  /// Whether the layer, or one inside of it, is an embedding of which a step moves some rows.
  var isLazy: Bool {
    switch self {
    case .embedding(_, _, _, let rows): rows == .lazy
    case .residual(let layers, let shortcut): (layers + shortcut).contains(where: \.isLazy)
    case .concat(let branches): branches.joined().contains(where: \.isLazy)
    default: false
    }
  }
}
