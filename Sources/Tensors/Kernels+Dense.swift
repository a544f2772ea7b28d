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
    if let biasGradient {
      table.pointee.sumRows(Int64(samples), Int64(outputs), dy, biasGradient)
    }
  }
}
