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
    for sample in 0..<samples {
      let part = AttentionSample(g, input, sample)
      let rows = output + part.firstQuery * outputStride
      guard part.keyCount > 0 else {
        clear(rows: part.queryCount, width: g.width, rows, outputStride)
        continue
      }
      for head in 0..<g.heads {
        for index in 0..<part.blocks {
          let start = index * AttentionGeometry.block
          let block = part.block(head: head, start: start)
          probabilities(block, scratch)
          if let dropout { drop(block, dropout, from: scratch, to: scratch) }
          product(
            precision: g.precision, rows: block.rows, columns: g.size, inner: block.seen, scratch,
            block.seen, block.values,
            input.keyStride, rows + start * outputStride + head * g.size, outputStride)
        }
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
    for sample in 0..<samples {
      let part = AttentionSample(g, input, sample)
      let queries = gradients.queries + part.firstQuery * input.queryStride
      let keys = gradients.keys + part.firstKey * input.keyStride
      let values = gradients.values + part.firstKey * input.keyStride
      clear(unseenOf: part, keys)
      clear(unseenOf: part, values)
      guard part.keyCount > 0 else {
        clear(rows: part.queryCount, width: g.width, queries, input.queryStride)
        continue
      }
      let dy = outputGradient + part.firstQuery * outputStride
      for head in 0..<g.heads {
        let shift = head * g.size
        // The last block sees the most keys: it writes, the others add.
        for index in 0..<part.blocks {
          let start = (part.blocks - 1 - index) * AttentionGeometry.block
          backward(
            part.block(head: head, start: start), dropout, dy: dy + start * outputStride + shift,
            outputStride, adds: index > 0,
            AttentionGradients(
              queries: queries + start * input.queryStride + shift, keys: keys + shift,
              values: values + shift), scratch)
        }
      }
    }
  }
}
