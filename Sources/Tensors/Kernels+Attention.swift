import CKernels

extension Kernels {
  /// `softmax(Q Kᵀ / √d) V`, head by head and sample by sample; a sample without keys gives zeros.
  ///
  /// Cost: `4 · d` floating-point operations per pair of a query and a key it sees, in two matrix
  /// products without copies.
  ///
  /// - Parameters:
  ///   - g: heads and columns.
  ///   - samples: n.
  ///   - input: queries, keys and values.
  ///   - dropout: the rate at which probabilities are dropped, with the key; nil for none. Element
  ///     (head, query, key) of a sample is numbered within the sample.
  ///   - output: `[rows of queries, width]`.
  ///   - outputStride: floats between its rows.
  ///   - scratch: see ``AttentionGeometry/scratchCount(queries:keys:dropout:)``.
  public static func attentionForward(
    _ g: AttentionGeometry, samples: Int, _ input: AttentionInput,
    dropout: (rate: Float, random: PassRandom)?, output: Floats, outputStride: Int, scratch: Floats
  ) {
    forEachHead(g, samples: samples, input, dropout != nil, scratch) { part, head, scratch in
      let shift = head * g.size
      let rows = output + part.firstQuery * outputStride + shift
      guard part.keyCount > 0 else {
        return clear(rows: part.queryCount, width: g.size, rows, outputStride)
      }
      for index in 0..<part.blocks {
        let start = index * AttentionGeometry.block
        let block = part.block(head: head, start: start)
        probabilities(block, scratch)
        if let dropout { drop(block, dropout, from: scratch, to: scratch) }
        product(
          precision: g.precision, rows: block.rows, columns: g.size, inner: block.seen, scratch,
          block.seen, block.values,
          input.keyStride, rows + start * outputStride, outputStride)
      }
    }
  }

  /// The gradients of queries, keys and values, overwritten; those that nobody sees get zeros.
  ///
  /// - Parameters:
  ///   - g: heads and columns.
  ///   - samples: n.
  ///   - input: as given to the forward pass.
  ///   - dropout: as given to the forward pass.
  ///   - outputGradient: `[rows of queries, width]`.
  ///   - outputStride: floats between its rows.
  ///   - gradients: where the results go.
  ///   - scratch: see ``AttentionGeometry/scratchCount(queries:keys:dropout:)``.
  public static func attentionBackward(
    _ g: AttentionGeometry, samples: Int, _ input: AttentionInput,
    dropout: (rate: Float, random: PassRandom)?, outputGradient: ConstantFloats, outputStride: Int,
    gradients: AttentionGradients, scratch: Floats
  ) {
    forEachHead(g, samples: samples, input, dropout != nil, scratch) { part, head, scratch in
      let shift = head * g.size
      let queries = gradients.queries + part.firstQuery * input.queryStride + shift
      let keys = gradients.keys + part.firstKey * input.keyStride + shift
      let values = gradients.values + part.firstKey * input.keyStride + shift
      clear(unseenOf: part, keys)
      clear(unseenOf: part, values)
      guard part.keyCount > 0 else {
        return clear(rows: part.queryCount, width: g.size, queries, input.queryStride)
      }
      let dy = outputGradient + part.firstQuery * outputStride + shift
      // The last block sees the most keys: it writes, the others add.
      for index in 0..<part.blocks {
        let start = (part.blocks - 1 - index) * AttentionGeometry.block
        backward(
          part.block(head: head, start: start), dropout, dy: dy + start * outputStride,
          outputStride, adds: index > 0,
          AttentionGradients(
            queries: queries + start * input.queryStride, keys: keys, values: values), scratch)
      }
    }
  }

  /// Cuts the heads of all samples among threads; each has scratch of its own where there are several.
  private static func forEachHead(
    _ g: AttentionGeometry, samples: Int, _ input: AttentionInput, _ drops: Bool, _ scratch: Floats,
    _ body: (_ part: AttentionSample, _ head: Int, _ scratch: Floats) -> Void
  ) {
    var (work, most) = (0, 0)
    for sample in 0..<samples {
      let part = AttentionSample(g, input, sample)
      work += part.queryCount * part.keyCount * g.width / 8
      most = max(
        most,
        AttentionGeometry.scratchCount(
          queries: part.queryCount, keys: part.keyCount, dropout: drops))
    }
    let isShared = parts(samples * g.heads, work: work) > 1
    split(samples * g.heads, work: work) { range in
      let own = isShared ? CKernels_threadScratch(Int64(most)) ?? scratch : scratch
      for index in range {
        body(AttentionSample(g, input, index / g.heads), index % g.heads, own)
      }
    }
  }
}
