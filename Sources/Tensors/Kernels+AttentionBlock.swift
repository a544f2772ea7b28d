import CKernels

/// One sample of an ``AttentionInput``.
struct AttentionSample {
  let g: AttentionGeometry
  let input: AttentionInput
  let index: Int
  let firstQuery, queryCount, firstKey, keyCount: Int

  init(_ g: AttentionGeometry, _ input: AttentionInput, _ index: Int) {
    self.g = g
    self.input = input
    self.index = index
    firstQuery = input.queryOffsets[index]
    queryCount = input.queryOffsets[index + 1] - firstQuery
    firstKey = input.keyOffsets[index]
    keyCount = input.keyOffsets[index + 1] - firstKey
  }

  /// Blocks of queries.
  var blocks: Int { (queryCount + AttentionGeometry.block - 1) / AttentionGeometry.block }

  /// The queries from `start` on, in one head.
  func block(head: Int, start: Int) -> AttentionBlock {
    let rows = min(AttentionGeometry.block, queryCount - start)
    let seen = g.seen(start + rows, of: keyCount)
    return AttentionBlock(
      g: g, sample: index, rows: rows, seen: seen,
      visible: g.isCausal ? min(start + 1, seen) : seen,
      firstElementRow: head * queryCount + start, counters: 16 * ((keyCount + 63) / 64),
      queries: input.queries + (firstQuery + start) * input.queryStride + head * g.size,
      keys: input.keys + firstKey * input.keyStride + head * g.size,
      values: input.values + firstKey * input.keyStride + head * g.size,
      queryStride: input.queryStride, keyStride: input.keyStride)
  }
}

/// Some queries of one head and sample, with all keys that any of them sees.
struct AttentionBlock {
  let g: AttentionGeometry
  let sample, rows, seen: Int
  /// The keys that the first row sees.
  let visible: Int
  /// The first row's number among all (head, query) of the sample.
  let firstElementRow: Int
  /// Counters that a row of probabilities takes, of all keys.
  let counters: Int
  let queries, keys, values: ConstantFloats
  let queryStride, keyStride: Int
}

extension Kernels {
  /// `softmax(Q Kᵀ / √d)` of a block, `[rows, seen]`.
  static func probabilities(_ block: AttentionBlock, _ output: Floats) {
    product(
      precision: block.g.precision, transposeB: true, rows: block.rows, columns: block.seen,
      inner: block.g.size,
      factor: scale(of: block.g), block.queries, block.queryStride, block.keys, block.keyStride,
      output, block.seen)
    table.pointee.softmaxRows(
      Int64(block.rows), Int64(block.seen), Int64(block.visible), block.g.isCausal ? 1 : 0, output)
  }

  /// Drops probabilities of a block.
  static func drop(
    _ block: AttentionBlock, _ dropout: (rate: Float, random: PassRandom), from source: Floats,
    to destination: Floats
  ) {
    let random = dropout.random
    table.pointee.dropoutRows(
      Int64(block.rows), Int64(block.seen), dropout.rate, random.seed,
      RandomPurpose.dropout.rawValue, random.path, UInt32(truncatingIfNeeded: random.step),
      random.sampleNumbers[block.sample],
      UInt32(truncatingIfNeeded: block.firstElementRow * block.counters),
      UInt32(truncatingIfNeeded: block.counters), source, destination)
  }

  /// The gradients of one block; those of keys and values are added if `adds`, else written.
  static func backward(
    _ block: AttentionBlock, _ dropout: (rate: Float, random: PassRandom)?, dy: ConstantFloats,
    _ outputStride: Int, adds: Bool, _ gradients: AttentionGradients, _ scratch: Floats
  ) {
    let (rows, seen, size) = (block.rows, block.seen, block.g.size)
    let p = scratch
    let gradient = scratch + rows * seen
    probabilities(block, p)
    var dropped = p
    if let dropout {
      dropped = gradient + rows * seen
      drop(block, dropout, from: p, to: dropped)
    }
    product(
      precision: block.g.precision, transposeA: true, rows: seen, columns: size, inner: rows,
      dropped, seen, dy, outputStride,
      adding: adds, gradients.values, block.keyStride)
    product(
      precision: block.g.precision, transposeB: true, rows: rows, columns: seen, inner: size, dy,
      outputStride, block.values,
      block.keyStride, gradient, seen)
    table.pointee.softmaxRowsGradient(
      Int64(rows), Int64(seen), scale(of: block.g), p, dropped, gradient)
    product(
      precision: block.g.precision, rows: rows, columns: size, inner: seen, gradient, seen,
      block.keys, block.keyStride,
      gradients.queries, block.queryStride)
    product(
      precision: block.g.precision, transposeA: true, rows: seen, columns: size, inner: rows,
      gradient, seen, block.queries,
      block.queryStride, adding: adds, gradients.keys, block.keyStride)
  }

  /// Zeros `rows` of `width` floats, `stride` floats apart.
  static func clear(rows: Int, width: Int, _ first: Floats, _ stride: Int) {
    for row in 0..<rows { (first + row * stride).update(repeating: 0, count: width) }
  }

  /// Zeros a head's gradients of keys, or of values, that no query of a sample sees.
  static func clear(unseenOf part: AttentionSample, _ first: Floats) {
    let seen = part.queryCount > 0 ? part.g.seen(part.queryCount, of: part.keyCount) : 0
    let stride = part.input.keyStride
    clear(rows: part.keyCount - seen, width: part.g.size, first + seen * stride, stride)
  }

  private static func scale(of g: AttentionGeometry) -> Float {
    Float(1 / Double(g.size).squareRoot())
  }
}
