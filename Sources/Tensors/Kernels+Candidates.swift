extension Kernels {
  /// The scaled dot products of two sets of vectors.
  ///
  /// - Parameters:
  ///   - rows: m vectors of `first`.
  ///   - columns: k vectors of `second`.
  ///   - width: d.
  ///   - scale: factor of every product.
  ///   - first: `[m, d]`.
  ///   - second: `[k, d]`.
  ///   - scores: receives `[m, k]`.
  public static func similarities(
    rows: Int, columns: Int, width: Int, scale: Float, first: ConstantFloats,
    second: ConstantFloats, scores: Floats
  ) {
    product(
      transposeB: true, rows: rows, columns: columns, inner: width, factor: scale, first, width,
      second, width, scores, columns)
  }

  /// Adds sums of vectors, weighted row by row: `output += factor · weights · vectors`.
  ///
  /// - Parameters:
  ///   - rows: m.
  ///   - columns: k vectors.
  ///   - width: d.
  ///   - factor: of the whole sum.
  ///   - weights: `[m, k]`.
  ///   - vectors: `[k, d]`.
  ///   - output: `[m, d]`.
  public static func addWeightedSums(
    rows: Int, columns: Int, width: Int, factor: Float, weights: ConstantFloats,
    vectors: ConstantFloats, output: Floats
  ) {
    product(
      rows: rows, columns: width, inner: columns, factor: factor, weights, columns, vectors, width,
      adding: true, output, width)
  }

  /// Adds a block of candidates to what their softmax needs, without ever holding all of them.
  ///
  /// - Parameters:
  ///   - columns: k candidates of the block.
  ///   - corrections: c, taken from each score; finite.
  ///   - scores: z of the candidates; minus infinity for one that does not count.
  ///   - scratch: room for k floats.
  ///   - state: the maximum m of z − c so far (at first minus infinity), Σ exp(z − c − m), and
  ///     Σ z exp(z − c − m).
  public static func candidateSums(
    columns: Int, corrections: ConstantFloats, scores: Floats, scratch: Floats,
    state: UnsafeMutablePointer<Double>
  ) {
    table.pointee.candidateSums(Int64(columns), corrections, scores, scratch, state)
  }

  /// The scores z of a block become the sum of two softmaxes' probabilities: along the row, and along
  /// each candidate's column.
  ///
  /// - Parameters:
  ///   - columns: k candidates of the block.
  ///   - corrections: c, taken from each score along the row.
  ///   - logSum: log Σ exp(z − c) over the whole row.
  ///   - correction: taken from the row's scores along the columns.
  ///   - logSums: log Σ exp of each whole column.
  ///   - scores: `exp(z − c − logSum) + exp(z − correction − logSums)` replaces z.
  public static func candidateProbabilities(
    columns: Int, corrections: ConstantFloats, logSum: Float, correction: Float,
    logSums: ConstantFloats, scores: Floats
  ) {
    table.pointee.candidateProbabilities(
      Int64(columns), corrections, logSum, correction, logSums, scores)
  }
}
