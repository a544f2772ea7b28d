extension RunConfiguration {
  /// Who moves only some rows of a table may depend neither on the whole table nor on earlier steps.
  func checkRows(_ map: MapReader) {
    let layers = model.modalities.flatMap(\.encoder)
    guard layers.contains(where: { $0.holdsEmbedding { rows, _ in rows == .lazy } }) else { return }
    switch optimizer.rule {
    case .sgd, .adam, .adamW: break
    case .lamb, .lars:
      map.optional("optimizer")?.fail(
        "expected sgd, adam or adamW beside an embedding with rows: lazy or shard: true, found a rule that scales "
          + "by norms of whole tables; or set rows: dense, shard: false")
    }
    if case .topK = exchange.wire {
      map.value.descend(["exchange", "wire"])?.fail(
        "expected float32 or bfloat16 beside an embedding with rows: lazy or shard: true, found topK, which "
          + "brings rows of earlier steps late; or set rows: dense, shard: false")
    }
    guard layers.contains(where: { $0.holdsEmbedding { _, shard in shard } }) else { return }
    for path in [["train", "ema"], ["initialize"], ["coupling"]] {
      map.value.descend(path)?.fail(
        "cannot stand beside an embedding with shard: true, of which no rank sees all rows; leave it "
          + "out, or set rows: lazy without shard")
    }
  }
}

extension LayerConfiguration {
  /// Whether the layer, or one inside of it, is an embedding of a kind.
  fileprivate func holdsEmbedding(_ isMeant: (_ rows: EmbeddingRows, _ shard: Bool) -> Bool) -> Bool
  {
    switch self {
    case .embedding(_, _, _, let rows, let shard): isMeant(rows, shard)
    case .residual(let layers, let shortcut):
      (layers + shortcut).contains { $0.holdsEmbedding(isMeant) }
    case .concat(let branches): branches.joined().contains { $0.holdsEmbedding(isMeant) }
    default: false
    }
  }
}
