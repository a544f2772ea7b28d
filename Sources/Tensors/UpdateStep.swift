import CKernels

/// An update rule with the constants of one step.
public struct UpdateStep {
  enum Constants {
    case sgd(CKernels_SGD)
    case adam(CKernels_Adam)
  }

  let constants: Constants

  /// `g ← s g + λ w; v ← μ v + g` (the first step stores g); `w ← w − η (v, or g + μ v)`.
  ///
  /// - Returns: the step; with momentum 0 there is no v.
  public static func sgd(
    gradientScale: Float, learningRate: Float, momentum: Float, nesterov: Bool, weightDecay: Float,
    firstStep: Bool
  ) -> UpdateStep {
    UpdateStep(
      constants: .sgd(
        CKernels_SGD(
          gradientScale: gradientScale, learningRate: learningRate, momentum: momentum,
          weightDecay: weightDecay, nesterov: nesterov, firstStep: firstStep)))
  }

  /// Adam's moments and step; `correction1 = 1 − β₁ᵗ`, `correction2 = 1 − β₂ᵗ`.
  ///
  /// Weight decay is added to the gradient, or with `decoupled` multiplies the weight by `1 − η λ`.
  ///
  /// - Returns: the step, whose state is m and v.
  public static func adam(
    gradientScale: Float, learningRate: Float, beta1: Float, beta2: Float, epsilon: Float,
    correction1: Float, correction2: Float, weightDecay: Float, decoupled: Bool
  ) -> UpdateStep {
    UpdateStep(
      constants: .adam(
        CKernels_Adam(
          gradientScale: gradientScale, learningRate: learningRate, beta1: beta1, beta2: beta2,
          epsilon: epsilon, correction1: correction1, correction2: correction2,
          weightDecay: weightDecay, decoupled: decoupled)))
  }
}
