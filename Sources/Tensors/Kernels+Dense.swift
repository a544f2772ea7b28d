import CKernels

extension Kernels {
  /// `y = x · Wᵀ + b` with x `[n, I]`, W `[O, I]`, b `[O]`, y `[n, O]`.
  public static func linearForward(
    samples: Int, inputs: Int, outputs: Int, x: ConstantFloats, weight: ConstantFloats,
    bias: ConstantFloats?, y: Floats
  ) {
    product(
      transposeB: true, rows: samples, columns: outputs, inner: inputs, x, inputs, weight, inputs,
      bias: bias, y, outputs)
  }

  /// `dx = dy · W` with dy `[n, O]`, W `[O, I]`, dx `[n, I]`.
  public static func linearInputGradient(
    samples: Int, inputs: Int, outputs: Int, dy: ConstantFloats, weight: ConstantFloats, dx: Floats
  ) {
    product(
      rows: samples, columns: inputs, inner: outputs, dy, outputs, weight, inputs, dx, inputs)
  }

  /// `dW = dyᵀ · x` and `db = Σ dy`, overwritten, never added: that sum is the tree's.
  public static func linearWeightGradient(
    samples: Int, inputs: Int, outputs: Int, x: ConstantFloats, dy: ConstantFloats,
    weightGradient: Floats, biasGradient: Floats?
  ) {
    product(
      transposeA: true, rows: outputs, columns: inputs, inner: samples, dy, outputs, x, inputs,
      weightGradient, inputs)
    if let biasGradient { sumRows(rows: samples, width: outputs, dy, biasGradient) }
  }

  /// `sums[i] = Σ values[r, i]`: 64 rows at a time, then their sums in order, whoever made them.
  static func sumRows(rows: Int, width: Int, _ values: ConstantFloats, _ sums: Floats) {
    let (chunk, work) = (64, rows * width)
    let chunks = (rows + chunk - 1) / chunk
    guard parts(chunks, work: work) > 1 else {
      return table.pointee.sumRows(Int64(rows), Int64(width), values, sums)
    }
    guard let room = CKernels_threadScratch(Int64(chunks * width)) else { return }
    split(chunks, work: work) { range in
      for index in range {
        let first = index * chunk
        table.pointee.sumRows(
          Int64(min(chunk, rows - first)), Int64(width), values + first * width,
          room + index * width)
      }
    }
    sums.update(repeating: 0, count: width)
    for index in 0..<chunks { table.pointee.addInto(Int64(width), room + index * width, sums) }
  }

  /// `y[r, :] = table[ids[r], :]`; ids must be checked by the caller.
  public static func embeddingForward(
    rows: Int, size: Int, ids: UnsafePointer<Int64>, table values: ConstantFloats, output: Floats
  ) {
    split(rows, work: 2 * rows * size) { range in
      table.pointee.embeddingForward(
        Int64(range.count), Int64(size), ids + range.lowerBound, values,
        output + range.lowerBound * size)
    }
  }

  /// `y[r] = Σ x[r, i] x[r, half + i]` over the first `factors` of both halves of rows of `2 · half`.
  public static func rowDots(
    rows: Int, half: Int, factors: Int, x: ConstantFloats, y: Floats
  ) {
    split(rows, work: 2 * rows * factors) { range in
      table.pointee.rowDots(
        Int64(range.count), Int64(half), Int64(factors), x + 2 * range.lowerBound * half,
        y + range.lowerBound)
    }
  }

  /// The gradient of ``rowDots(rows:half:factors:x:y:)``; of each half the first `factors` are written.
  public static func rowDotsGradient(
    rows: Int, half: Int, factors: Int, x: ConstantFloats, dy: ConstantFloats, dx: Floats
  ) {
    split(rows, work: 4 * rows * factors) { range in
      let first = 2 * range.lowerBound * half
      table.pointee.rowDotsGradient(
        Int64(range.count), Int64(half), Int64(factors), x + first, dy + range.lowerBound,
        dx + first)
    }
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
