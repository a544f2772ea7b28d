import CKernels

extension Kernels {
  /// Asks for the cache lines of bytes that will soon be read.
  public static func prefetch(_ bytes: UnsafeRawPointer, count: Int) {
    CKernels_prefetch(bytes, Int64(count))
  }

  /// `g ← s g + λ w; v ← μ v + g` (the first step stores g); `w ← w − η (v, or g + μ v)`.
  public static func sgdUpdate(
    count: Int, weight: Floats, gradient: ConstantFloats, momentumBuffer: Floats?,
    gradientScale: Float, learningRate: Float, momentum: Float, nesterov: Bool, weightDecay: Float,
    firstStep: Bool
  ) {
    table.pointee.sgdUpdate(
      Int64(count), weight, gradient, momentumBuffer,
      CKernels_SGD(
        gradientScale: gradientScale, learningRate: learningRate, momentum: momentum,
        weightDecay: weightDecay, nesterov: nesterov, firstStep: firstStep))
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

  /// Adam's moments and step; `correction1 = 1 − β₁ᵗ`, `correction2 = 1 − β₂ᵗ`.
  ///
  /// Weight decay is added to the gradient, or with `decoupled` multiplies the weight by `1 − η λ`.
  public static func adamUpdate(
    count: Int, weight: Floats, gradient: ConstantFloats, m: Floats, v: Floats,
    gradientScale: Float, learningRate: Float, beta1: Float, beta2: Float, epsilon: Float,
    correction1: Float, correction2: Float, weightDecay: Float, decoupled: Bool
  ) {
    table.pointee.adamUpdate(
      Int64(count), weight, gradient, m, v,
      CKernels_Adam(
        gradientScale: gradientScale, learningRate: learningRate, beta1: beta1, beta2: beta2,
        epsilon: epsilon, correction1: correction1, correction2: correction2,
        weightDecay: weightDecay, decoupled: decoupled))
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
