extension Kernels {
  /// Mean and biased variance of each channel over rows, x `[rows, C]`; two passes in Float64.
  public static func batchNormStatistics(
    rows: Int, channels: Int, x: ConstantFloats, mean: Floats, variance: Floats
  ) {
    table.pointee.batchNormStatistics(Int64(rows), Int64(channels), x, mean, variance)
  }

  /// `y = (x − mean) / √(variance + ε) · weight + bias`, plus `added` if there is one, then relu if asked.
  public static func batchNormApply(
    rows: Int, channels: Int, x: ConstantFloats, mean: ConstantFloats, variance: ConstantFloats,
    epsilon: Float, weight: ConstantFloats, bias: ConstantFloats,
    adding added: ConstantFloats? = nil,
    relu: Bool = false, y: Floats
  ) {
    table.pointee.batchNormApply(
      Int64(rows), Int64(channels), x, mean, variance, epsilon, weight, bias, added, relu, y)
  }

  /// The gradients of batch normalisation in training mode; `dx` may be `dy`.
  ///
  /// `dx = γ / σ · (dy − mean(dy) − x̂ · mean(dy · x̂))`, `dWeight = Σ dy · x̂`, `dBias = Σ dy`.
  ///
  /// - Parameters:
  ///   - rows: rows of x.
  ///   - channels: C.
  ///   - x: the input, `[rows, C]`.
  ///   - mean: of the rows.
  ///   - variance: of the rows, biased.
  ///   - epsilon: added to the variance.
  ///   - weight: γ, `[C]`.
  ///   - bias: β where the output went through a relu, nil where it did not: dy is the gradient behind it.
  ///   - dy: the output's gradient.
  ///   - dx: the input's gradient.
  ///   - dWeight: γ's gradient.
  ///   - dBias: β's gradient.
  public static func batchNormBackward(
    rows: Int, channels: Int, x: ConstantFloats, mean: ConstantFloats, variance: ConstantFloats,
    epsilon: Float, weight: ConstantFloats, rectified bias: ConstantFloats? = nil,
    dy: ConstantFloats, dx: Floats, dWeight: Floats, dBias: Floats
  ) {
    table.pointee.batchNormBackward(
      Int64(rows), Int64(channels), x, mean, variance, epsilon, weight, bias, dy, dx, dWeight,
      dBias)
  }

  /// Mean of each channel over rows, and Σ of squared distances from it, x `[rows, C]`.
  ///
  /// ``batchNormStatistics(rows:channels:x:mean:variance:)`` before rounding to Float32 and division
  /// by the rows, so that the moments of several microbatches can be combined.
  public static func batchNormMoments(
    rows: Int, channels: Int, x: ConstantFloats, mean: UnsafeMutablePointer<Double>,
    squares: UnsafeMutablePointer<Double>
  ) {
    table.pointee.batchNormMoments(Int64(rows), Int64(channels), x, mean, squares)
  }

  /// What a microbatch adds to the sums that the input's gradient of its whole group needs.
  ///
  /// - Parameters:
  ///   - rows: rows of x.
  ///   - channels: C.
  ///   - x: the input, `[rows, C]`.
  ///   - mean: of the group's rows.
  ///   - variance: of the group's rows, biased.
  ///   - epsilon: added to the variance.
  ///   - weight: γ, `[C]`.
  ///   - bias: β where the output went through a relu, else nil.
  ///   - dy: the output's gradient.
  ///   - sums: receives Σ dy, `[C]`.
  ///   - products: receives Σ dy · (x − mean), `[C]`.
  ///   - dWeight: γ's gradient, the microbatch's own.
  ///   - dBias: β's gradient, the microbatch's own.
  public static func batchNormGradientSums(
    rows: Int, channels: Int, x: ConstantFloats, mean: ConstantFloats, variance: ConstantFloats,
    epsilon: Float, weight: ConstantFloats, rectified bias: ConstantFloats? = nil,
    dy: ConstantFloats, sums: UnsafeMutablePointer<Double>,
    products: UnsafeMutablePointer<Double>, dWeight: Floats, dBias: Floats
  ) {
    table.pointee.batchNormGradientSums(
      Int64(rows), Int64(channels), x, mean, variance, epsilon, weight, bias, dy, sums, products,
      dWeight, dBias)
  }

  /// The input's gradient of a microbatch normalised with the statistics of its group; `dx` may be
  /// `dy`.
  ///
  /// - Parameters:
  ///   - rows: rows of x.
  ///   - count: rows of the whole group.
  ///   - channels: C.
  ///   - x: the input, `[rows, C]`.
  ///   - mean: of the group's rows.
  ///   - variance: of the group's rows, biased.
  ///   - epsilon: added to the variance.
  ///   - weight: γ, `[C]`.
  ///   - bias: β where the output went through a relu, else nil.
  ///   - sums: Σ dy over the group, `[C]`.
  ///   - products: Σ dy · (x − mean) over the group, `[C]`.
  ///   - dy: the output's gradient.
  ///   - dx: the input's gradient.
  public static func batchNormInputGradient(
    rows: Int, ofGroup count: Int, channels: Int, x: ConstantFloats, mean: ConstantFloats,
    variance: ConstantFloats, epsilon: Float, weight: ConstantFloats,
    rectified bias: ConstantFloats? = nil, sums: UnsafePointer<Double>,
    products: UnsafePointer<Double>, dy: ConstantFloats, dx: Floats
  ) {
    table.pointee.batchNormInputGradient(
      Int64(rows), Double(count), Int64(channels), x, mean, variance, epsilon, weight, bias, sums,
      products, dy, dx)
  }

  /// `y = (x − mean) / √(variance + ε) · weight + bias` per row; keeps mean and 1 / √(…).
  public static func layerNormForward(
    rows: Int, width: Int, x: ConstantFloats, epsilon: Float, weight: ConstantFloats,
    bias: ConstantFloats, y: Floats, mean: Floats, inverseDeviation: Floats
  ) {
    table.pointee.layerNormForward(
      Int64(rows), Int64(width), x, epsilon, weight, bias, y, mean, inverseDeviation)
  }

  /// The gradients of layer normalisation; `dx` may be `dy`.
  public static func layerNormBackward(
    rows: Int, width: Int, x: ConstantFloats, mean: ConstantFloats,
    inverseDeviation: ConstantFloats, weight: ConstantFloats, dy: ConstantFloats, dx: Floats,
    dWeight: Floats, dBias: Floats
  ) {
    table.pointee.layerNormBackward(
      Int64(rows), Int64(width), x, mean, inverseDeviation, weight, dy, dx, dWeight, dBias)
  }
}
