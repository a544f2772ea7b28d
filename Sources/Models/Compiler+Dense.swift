import Configuration
import Parameters
import Tensors

extension Compiler {
  /// `linear`: `[…, I]` becomes `[…, O]`.
  mutating func linear(out: Int, bias: Bool, _ context: LayerContext) throws -> Compiled {
    try require(out, atLeast: 1, "linear out", context)
    let input = context.input
    let bound = Initializer.uniform(bound: Float(1 / Double(input.channels).squareRoot()))
    let wanted = deviations[context.path]
    var foreign = ForeignLayout.same
    if let image = input.flattened {
      foreign = .flattenedImage(
        height: image.height, width: image.width, channels: image.channels)
    }
    let own = units.add(out, settings("out", context), .neurons)
    let weight = try slot(
      "weight", [out, input.channels], context,
      wanted.map { .normal(deviation: $0.inner) } ?? bound, foreign: foreign, decays: true,
      units: [own, input.channelUnits])
    let biasSlot =
      bias
      ? try slot("bias", [out], context, wanted == nil ? bound : .constant(0), units: [own]) : nil
    let output = try output(
      input.shape.dropLast() + [out], context, .channels(own), requiresGradient: true,
      channelsFirst: false)
    let layer = LinearLayer(
      input: input, output: output, weight: weight, bias: biasSlot, precision: precision,
      tap: tap(ofWeightAt: weight))
    linearLayers.append(layer)
    return Compiled(layer: layer, output: output, multiplyAdds: input.count * out)
  }

  /// `embedding`: ids `[…]` become `[…, size]`.
  mutating func embedding(
    vocabulary written: Int?, size: Int, deviation: Double, rows: EmbeddingRows,
    shard: Bool, _ context: LayerContext
  ) throws -> Compiled {
    guard let vocabulary = written ?? context.input.vocabulary else {
      throw ModelError(
        .setting, context.path,
        "embedding expected a vocabulary, since the field does not tell how many ids it has; give one"
      )
    }
    try require(vocabulary, atLeast: 1, "embedding vocabulary", context)
    try require(size, atLeast: 1, "embedding size", context)
    let input = context.input
    guard let fieldIndex = input.source else {
      throw ModelError(.element, context.path, "embedding expected a field of ids as its input")
    }
    if let ids = input.vocabulary, ids > vocabulary {
      throw ModelError(
        .setting, context.path,
        "expected a vocabulary of at least \(ids), the ids of the field, found \(vocabulary)")
    }
    let table: ParameterSlot.Table = shard ? .sharded : rows == .lazy ? .lazy : .dense
    let own = units.add(size, settings("size", context), .embeddings)
    let weight = try slot(
      "weight", [vocabulary, size], context,
      .normal(deviation: Float(deviation)), decays: true, table: table, units: [nil, own])
    let reader = TableReader(input, fieldIndex: fieldIndex)
    if table == .lazy { tableReaders.append(reader) }
    if table == .sharded { shardedReaders.append(reader) }
    let output = try output(
      input.shape + [size], context, .channels(own), requiresGradient: true, channelsFirst: false)
    checks.append(
      IntegerCheck(
        consumer: context.path, fieldIndex: fieldIndex, limit: vocabulary))
    let layer: any Layer =
      shard
      ? ShardedEmbeddingLayer(
        input: input, output: output, table: shardedReaders.count - 1, port: rowPort)
      : EmbeddingLayer(input: input, output: output, vocabulary: vocabulary, weight: weight)
    return Compiled(layer: layer, output: output)
  }

  /// `flatten`: another view of the same memory.
  mutating func flatten(_ context: LayerContext) throws -> Compiled {
    var output = whole(context.input)
    guard !output.isSequence else {
      throw ModelError(
        .shape, context.path,
        "flatten expected samples of one size, found \(described(output)); put pool before it")
    }
    let shape = output.shape
    // PyTorch flattens [C, H, W]; a later linear layer must know to read its files.
    if output.flattened == nil, output.channelsFirst, shape.count >= 2, output.positions > 1 {
      output.flattened = Value.Image(
        height: shape.count == 3 ? shape[0] : 1, width: shape[shape.count - 2],
        channels: output.channels)
    }
    output.channelUnits = flattened(output)
    output.shape = [output.unitCount]
    return Compiled(layer: nil, output: output)
  }
}
