import CKernels

extension Kernels {
  /// Mean and biased variance of each channel over rows, x `[rows, C]`, in Float64 until the end.
  public static func batchNormStatistics(
    rows: Int, channels: Int, x: ConstantFloats, mean: Floats, variance: Floats
  ) {
    guard let room = momentRoom(rows: rows, channels: channels) else { return }
    chunkedMoments(rows: rows, channels: channels, x, room)
    for channel in 0..<channels {
      mean[channel] = Float(room[channel])
      // Rounding may leave less than nothing.
      let biased = Float(room[channels + channel] / Double(rows))
      variance[channel] = biased < 0 ? 0 : biased
    }
  }

  /// `y = (x − mean) / √(variance + ε) · weight + bias`, plus `added` if there is one, then relu if asked.
  public static func batchNormApply(
    rows: Int, channels: Int, x: ConstantFloats, mean: ConstantFloats, variance: ConstantFloats,
    epsilon: Float, weight: ConstantFloats, bias: ConstantFloats,
    adding added: ConstantFloats? = nil, relu: Bool = false, y: Floats
  ) {
    split(rows, work: 2 * rows * channels) { range in
      let first = range.lowerBound * channels
      table.pointee.batchNormApply(
        Int64(range.count), Int64(channels), x + first, mean, variance, epsilon, weight, bias,
        added.map { $0 + first }, relu, y + first)
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
    guard let room = momentRoom(rows: rows, channels: channels) else { return }
    let products = room + channels
    batchNormGradientSums(
      rows: rows, channels: channels, x: x, mean: mean, variance: variance, epsilon: epsilon,
      weight: weight, rectified: bias, dy: dy, sums: room, products: products, dWeight: dWeight,
      dBias: dBias)
    batchNormInputGradient(
      rows: rows, ofGroup: rows, channels: channels, x: x, mean: mean, variance: variance,
      epsilon: epsilon, weight: weight, rectified: bias, sums: room, products: products, dy: dy,
      dx: dx)
  }

  /// Mean of each channel over rows, and Σ of squared distances from it, x `[rows, C]`.
  ///
  /// ``batchNormStatistics(rows:channels:x:mean:variance:)`` before rounding to Float32 and division
  /// by the rows, so that the moments of several microbatches can be combined.
  public static func batchNormMoments(
    rows: Int, channels: Int, x: ConstantFloats, mean: UnsafeMutablePointer<Double>,
    squares: UnsafeMutablePointer<Double>
  ) {
    guard let room = momentRoom(rows: rows, channels: channels) else { return }
    chunkedMoments(rows: rows, channels: channels, x, room)
    mean.update(from: room, count: channels)
    squares.update(from: room + channels, count: channels)
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
    guard let room = momentRoom(rows: rows, channels: channels) else { return }
    // The first place of the room may be the caller's.
    forEachChunk(rows: rows, channels: channels) { chunk, range in
      let (place, first) = (room + (chunk + 1) * 2 * channels, range.lowerBound * channels)
      table.pointee.batchNormGradientSums(
        Int64(range.count), Int64(channels), x + first, mean, variance, epsilon, weight, bias,
        dy + first, place, place + channels)
    }
    for channel in 0..<channels {
      var (sum, product) = (0.0, 0.0)
      for chunk in 0..<chunks(rows: rows, channels: channels) {
        let place = room + (chunk + 1) * 2 * channels + channel
        sum += place[0]
        product += place[channels]
      }
      (sums[channel], products[channel]) = (sum, product)
      dBias[channel] = Float(sum)
      dWeight[channel] = Float(
        product * (1 / (Double(variance[channel]) + Double(epsilon)).squareRoot()))
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
    split(rows, work: 3 * rows * channels) { range in
      let first = range.lowerBound * channels
      table.pointee.batchNormInputGradient(
        Int64(range.count), Double(count), Int64(channels), x + first, mean, variance, epsilon,
        weight, bias, sums, products, dy + first, dx + first)
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

  /// The gradients of layer normalisation, in one sweep on one thread; `dx` may be `dy`.
  public static func layerNormBackward(
    rows: Int, width: Int, x: ConstantFloats, mean: ConstantFloats,
    inverseDeviation: ConstantFloats, weight: ConstantFloats, dy: ConstantFloats, dx: Floats,
    dWeight: Floats, dBias: Floats
  ) {
    guard parts(rows, work: 4 * rows * width) > 1 else {
      return table.pointee.layerNormInputGradient(
        Int64(rows), Int64(width), x, mean, inverseDeviation, weight, dy, dx, dWeight, dBias)
    }
    // Sums over rows go in their order, so threads share columns of them.
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
        dy + first, dx + first, nil, nil)
    }
  }
}
