extension Kernels {
  /// `y = x · Wᵀ + b` with x `[n, I]`, W `[O, I]`, b `[O]`, y `[n, O]`.
  public static func linearForward(
    precision: Precision = .float32, samples: Int, inputs: Int, outputs: Int, x: ConstantFloats,
    weight: ConstantFloats, bias: ConstantFloats?, y: Floats
  ) {
    product(
      precision: precision, transposeB: true, rows: samples, columns: outputs, inner: inputs, x,
      inputs, weight, inputs,
      bias: bias, y, outputs)
  }

  /// `dx = dy · W` with dy `[n, O]`, W `[O, I]`, dx `[n, I]`.
  public static func linearInputGradient(
    precision: Precision = .float32, samples: Int, inputs: Int, outputs: Int, dy: ConstantFloats,
    weight: ConstantFloats, dx: Floats
  ) {
    product(
      precision: precision, rows: samples, columns: inputs, inner: outputs, dy, outputs, weight,
      inputs, dx, inputs)
  }

  /// `dW = dyᵀ · x` and `db = Σ dy`, overwritten, never added: that sum is the tree's.
  public static func linearWeightGradient(
    precision: Precision = .float32, samples: Int, inputs: Int, outputs: Int, x: ConstantFloats,
    dy: ConstantFloats, weightGradient: Floats, biasGradient: Floats?
  ) {
    product(
      precision: precision, transposeA: true, rows: outputs, columns: inputs, inner: samples, dy,
      outputs, x, inputs,
      weightGradient, inputs)
    if let biasGradient {
      table.pointee.sumRows(Int64(samples), Int64(outputs), dy, biasGradient)
    }
  }

  /// `y[r, :] = table[ids[r], :]`; ids must be checked by the caller.
  public static func embeddingForward(
    rows: Int, size: Int, ids: UnsafePointer<Int64>, table values: ConstantFloats, output: Floats
  ) {
    table.pointee.embeddingForward(Int64(rows), Int64(size), ids, values, output)
  }

  /// `y[r] = Σ x[r, i] x[r, half + i]` over the first `factors` of both halves of rows of `2 · half`.
  public static func rowDots(
    rows: Int, half: Int, factors: Int, x: ConstantFloats, y: Floats
  ) {
    table.pointee.rowDots(Int64(rows), Int64(half), Int64(factors), x, y)
  }

  /// The gradient of ``rowDots(rows:half:factors:x:y:)``; of each half the first `factors` are written.
  public static func rowDotsGradient(
    rows: Int, half: Int, factors: Int, x: ConstantFloats, dy: ConstantFloats, dx: Floats
  ) {
    table.pointee.rowDotsGradient(Int64(rows), Int64(half), Int64(factors), x, dy, dx)
  }

  /// `dTable[ids[r], :] += dy[r, :]` in row order, from zero; ids must be checked by the caller.
  public static func embeddingBackward(
    rows: Int, size: Int, vocabulary: Int, ids: UnsafePointer<Int64>, dy: ConstantFloats,
    dTable: Floats
  ) {
    table.pointee.embeddingBackward(
      Int64(rows), Int64(size), Int64(vocabulary), ids, dy, dTable)
  }
}
