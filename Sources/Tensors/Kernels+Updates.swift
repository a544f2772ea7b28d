import CKernels

extension Kernels {
  /// Asks for the cache lines of bytes that will soon be read.
  public static func prefetch(_ bytes: UnsafeRawPointer, count: Int) {
    CKernels_prefetch(bytes, Int64(count))
  }

  /// Moves a stretch of weights and their state by one step.
  ///
  /// - Parameters:
  ///   - step: the rule and its constants.
  ///   - count: scalars.
  ///   - weight: the weights.
  ///   - gradient: their gradient.
  ///   - first: momentum, or Adam's m; nil where the rule has no state.
  ///   - second: Adam's v.
  /// - Returns: Σ g² of the gradient as it came, as `squaredNorm` gives it.
  /// - Cost: one sweep; the sum is had in its shadow.
  @discardableResult
  public static func move(
    by step: UpdateStep, count: Int, weight: Floats, gradient: ConstantFloats, first: Floats?,
    second: Floats?
  ) -> Double {
    switch step.constants {
    case .sgd(let constants):
      table.pointee.sgdUpdate(
        Int64(count), weight, gradient, constants.momentum == 0 ? nil : first, constants)
    case .adam(let constants):
      table.pointee.adamUpdate(Int64(count), weight, gradient, first, second, constants)
    }
  }

  /// Moves rows of a table and their state, each to the bits that ``move(by:count:weight:gradient:first:second:)`` gives.
  ///
  /// - Parameters:
  ///   - step: the rule and its constants.
  ///   - rows: distinct rows of the table.
  ///   - size: scalars of a row.
  ///   - weight: the table.
  ///   - gradient: `[rows.count, size]`.
  ///   - state: momentum or m of the whole table; nil where the rule has no state.
  ///   - second: v of the whole table.
  ///   - norms: receives Σ g² of each row, as `squaredNorm` gives it; nil: not wanted.
  public static func moveRows(
    by step: UpdateStep, _ rows: UnsafeBufferPointer<Int64>, size: Int, weight: Floats,
    gradient: ConstantFloats, first state: Floats?, second: Floats?,
    norms: UnsafeMutablePointer<Double>?
  ) {
    guard let first = rows.baseAddress else { return }
    split(rows.count, work: 8 * rows.count * size) { range in
      let (start, count) = (range.lowerBound, Int64(range.count))
      let (part, values) = (first + start, gradient + start * size)
      switch step.constants {
      case .sgd(let constants):
        table.pointee.sgdRows(
          count, Int64(size), part, weight, values,
          constants.momentum == 0 ? nil : state, constants, norms.map { $0 + start })
      case .adam(let constants):
        table.pointee.adamRows(
          count, Int64(size), part, weight, values, state, second, constants,
          norms.map { $0 + start })
      }
    }
  }

  /// `g ← s g + λ w; v ← μ v + η g; w ← w − v`, η with the tensor's trust ratio in it.
  public static func larsUpdate(
    count: Int, weight: Floats, gradient: ConstantFloats, momentumBuffer: Floats,
    gradientScale: Float, learningRate: Float, momentum: Float, weightDecay: Float
  ) {
    table.pointee.larsUpdate(
      Int64(count), weight, gradient, momentumBuffer,
      CKernels_SGD(
        gradientScale: gradientScale, learningRate: learningRate, momentum: momentum,
        weightDecay: weightDecay, nesterov: false, firstStep: false))
  }

  /// LAMB's moments and direction `r = m̂ / (√v̂ + ε) + λ w`; `direction` may be `gradient`.
  public static func lambDirection(
    count: Int, weight: ConstantFloats, gradient: ConstantFloats, m: Floats, v: Floats,
    gradientScale: Float, beta1: Float, beta2: Float, epsilon: Float, correction1: Float,
    correction2: Float, weightDecay: Float, direction: Floats
  ) {
    table.pointee.lambDirection(
      Int64(count), weight, gradient, m, v,
      CKernels_Adam(
        gradientScale: gradientScale, learningRate: 0, beta1: beta1, beta2: beta2,
        epsilon: epsilon, correction1: correction1, correction2: correction2,
        weightDecay: weightDecay, decoupled: false), direction)
  }

  /// `w ← w − factor · direction`.
  public static func scaledUpdate(
    count: Int, weight: Floats, direction: ConstantFloats, factor: Float
  ) {
    table.pointee.subtractScaled(Int64(count), weight, direction, factor)
  }

  /// `average ← decay · average + (1 − decay) · weight`.
  public static func emaUpdate(count: Int, average: Floats, weight: ConstantFloats, decay: Float) {
    table.pointee.averageUpdate(Int64(count), average, weight, decay)
  }
}
