import CKernels

extension Kernels {
  /// Mean and biased variance of each channel over rows, x `[rows, C]`; two passes in Float64.
  public static func batchNormStatistics(
    rows: Int, channels: Int, x: ConstantFloats, mean: Floats, variance: Floats
  ) {
    split(channels, by: 16, work: 2 * rows * channels) { range in
      let first = range.lowerBound
      table.pointee.batchNormStatistics(
        Int64(rows), Int64(channels), Int64(range.count), x + first, mean + first,
        variance + first)
    }
  }

  /// `y = (x − mean) / √(variance + ε) · weight + bias`, then relu if asked.
  public static func batchNormApply(
    rows: Int, channels: Int, x: ConstantFloats, mean: ConstantFloats, variance: ConstantFloats,
    epsilon: Float, weight: ConstantFloats, bias: ConstantFloats, relu: Bool, y: Floats
  ) {
    split(rows, work: 2 * rows * channels) { range in
      let first = range.lowerBound * channels
      table.pointee.batchNormApply(
        Int64(range.count), Int64(channels), x + first, mean, variance, epsilon, weight, bias,
        relu, y + first)
    }
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
  ///   - dy: the output's gradient.
  ///   - dx: the input's gradient.
  ///   - dWeight: γ's gradient.
  ///   - dBias: β's gradient.
  ///   - scratch: room for `2 · C` floats.
  public static func batchNormBackward(
    rows: Int, channels: Int, x: ConstantFloats, mean: ConstantFloats, variance: ConstantFloats,
    epsilon: Float, weight: ConstantFloats, dy: ConstantFloats, dx: Floats, dWeight: Floats,
    dBias: Floats, scratch: Floats
  ) {
    let work = 3 * rows * channels
    let blocks = (channels + 15) / 16
    // Sums go channel by channel; where threads would wait for one of them, the rest goes row by row.
    guard blocks % parts(rows, work: work) == 0 else {
      guard let room = CKernels_threadScratch(Int64(4 * channels)) else { return }
      return room.withMemoryRebound(to: Double.self, capacity: 2 * channels) { sums in
        batchNormGradientSums(
          rows: rows, channels: channels, x: x, mean: mean, variance: variance, epsilon: epsilon,
          dy: dy, sums: sums, products: sums + channels, dWeight: dWeight, dBias: dBias)
        batchNormInputGradient(
          rows: rows, ofGroup: rows, channels: channels, x: x, mean: mean, variance: variance,
          epsilon: epsilon, weight: weight, sums: sums, products: sums + channels, dy: dy, dx: dx)
      }
    }
    split(channels, by: 16, work: work) { range in
      let first = range.lowerBound
      table.pointee.batchNormBackward(
        Int64(rows), Int64(channels), Int64(range.count), x + first, mean + first,
        variance + first, epsilon, weight + first, dy + first, dx + first, dWeight + first,
        dBias + first)
    }
  }

  /// Mean of each channel over rows, and Σ of squared distances from it, x `[rows, C]`.
  ///
  /// ``batchNormStatistics(rows:channels:x:mean:variance:)`` before rounding to Float32 and division
  /// by the rows, so that the moments of several microbatches can be combined.
  public static func batchNormMoments(
    rows: Int, channels: Int, x: ConstantFloats, mean: UnsafeMutablePointer<Double>,
    squares: UnsafeMutablePointer<Double>
  ) {
    split(channels, by: 16, work: 2 * rows * channels) { range in
      let first = range.lowerBound
      table.pointee.batchNormMoments(
        Int64(rows), Int64(channels), Int64(range.count), x + first, mean + first, squares + first)
    }
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
  ///   - dy: the output's gradient.
  ///   - sums: receives Σ dy, `[C]`.
  ///   - products: receives Σ dy · (x − mean), `[C]`.
  ///   - dWeight: γ's gradient, the microbatch's own.
  ///   - dBias: β's gradient, the microbatch's own.
  public static func batchNormGradientSums(
    rows: Int, channels: Int, x: ConstantFloats, mean: ConstantFloats, variance: ConstantFloats,
    epsilon: Float, dy: ConstantFloats, sums: UnsafeMutablePointer<Double>,
    products: UnsafeMutablePointer<Double>, dWeight: Floats, dBias: Floats
  ) {
    split(channels, by: 16, work: 2 * rows * channels) { range in
      let first = range.lowerBound
      table.pointee.batchNormGradientSums(
        Int64(rows), Int64(channels), Int64(range.count), x + first, mean + first,
        variance + first, epsilon, dy + first, sums + first, products + first, dWeight + first,
        dBias + first)
    }
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
  ///   - sums: Σ dy over the group, `[C]`.
  ///   - products: Σ dy · (x − mean) over the group, `[C]`.
  ///   - dy: the output's gradient.
  ///   - dx: the input's gradient.
  public static func batchNormInputGradient(
    rows: Int, ofGroup count: Int, channels: Int, x: ConstantFloats, mean: ConstantFloats,
    variance: ConstantFloats, epsilon: Float, weight: ConstantFloats,
    sums: UnsafePointer<Double>, products: UnsafePointer<Double>, dy: ConstantFloats, dx: Floats
  ) {
    split(rows, work: 3 * rows * channels) { range in
      let first = range.lowerBound * channels
      table.pointee.batchNormInputGradient(
        Int64(range.count), Double(count), Int64(channels), x + first, mean, variance, epsilon,
        weight, sums, products, dy + first, dx + first)
    }
  }

  /// `y = (x − mean) / √(variance + ε) · weight + bias` per row; keeps mean and 1 / √(…).
  public static func layerNormForward(
    rows: Int, width: Int, x: ConstantFloats, epsilon: Float, weight: ConstantFloats,
    bias: ConstantFloats, y: Floats, mean: Floats, inverseDeviation: Floats
  ) {
    split(rows, work: 4 * rows * width) { range in
      let (row, first) = (range.lowerBound, range.lowerBound * width)
      table.pointee.layerNormForward(
        Int64(range.count), Int64(width), x + first, epsilon, weight, bias, y + first, mean + row,
        inverseDeviation + row)
    }
  }

  /// The gradients of layer normalisation; `dx` may be `dy`.
  public static func layerNormBackward(
    rows: Int, width: Int, x: ConstantFloats, mean: ConstantFloats,
    inverseDeviation: ConstantFloats, weight: ConstantFloats, dy: ConstantFloats, dx: Floats,
    dWeight: Floats, dBias: Floats
  ) {
    split(width, by: 16, work: 2 * rows * width) { range in
      let first = range.lowerBound
      table.pointee.layerNormWeightGradient(
        Int64(rows), Int64(width), Int64(range.count), x + first, mean, inverseDeviation,
        dy + first, dWeight + first, dBias + first)
    }
    split(rows, work: 4 * rows * width) { range in
      let (row, first) = (range.lowerBound, range.lowerBound * width)
      table.pointee.layerNormInputGradient(
        Int64(range.count), Int64(width), x + first, mean + row, inverseDeviation + row, weight,
        dy + first, dx + first)
    }
  }
}
