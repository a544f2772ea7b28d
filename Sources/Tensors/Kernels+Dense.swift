import CKernels

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
}
