/// The update rules over a contiguous run of scalars, one pass each.
///
/// Element-wise, so that splitting a run changes no bit, and written without fused operations, so
/// that every processor gives the same bits. Formulas are PyTorch's. `gradientScale` is the clip
/// factor; names of state follow the papers.
enum UpdateRules {
  /// Float32 scalars that are read and written.
  typealias Floats = UnsafeMutablePointer<Float>

  /// `g ← c g + λ w; b ← μ b + g; w ← w − η b`, or `w − η (g + μ b)` with Nesterov's look-ahead.
  static func sgdUpdate(
    count: Int, weight: Floats, gradient: Floats, momentumBuffer: Floats?, gradientScale: Float,
    learningRate: Float, momentum: Float, nesterov: Bool, weightDecay: Float
  ) {
    guard let buffer = momentumBuffer else {
      for index in 0..<count {
        let slope = gradient[index] * gradientScale + weightDecay * weight[index]
        weight[index] -= learningRate * slope
      }
      return
    }
    // The look-ahead as two factors, so that one loop without branches serves both forms.
    let ofSlope: Float = nesterov ? 1 : 0
    let ofBuffer: Float = nesterov ? momentum : 1
    for index in 0..<count {
      let slope = gradient[index] * gradientScale + weightDecay * weight[index]
      let velocity = momentum * buffer[index] + slope
      buffer[index] = velocity
      weight[index] -= learningRate * (ofSlope * slope + ofBuffer * velocity)
    }
  }

  /// The constants of Adam's family at one step.
  struct Moments {
    let beta1: Float
    let beta2: Float
    let epsilon: Float
    /// `1 − β₁ᵗ`.
    let correction1: Float
    /// `1 − β₂ᵗ`.
    let correction2: Float
  }

  /// `m ← β₁ m + (1 − β₁) g; v ← β₂ v + (1 − β₂) g²; w ← w − η m̂ / (√v̂ + ε)`.
  ///
  /// Decay is `g ← g + λ w` (Adam), or `w ← (1 − η λ) w` first (AdamW, `decoupled`).
  static func adamUpdate(
    count: Int, weight: Floats, gradient: Floats, m: Floats, v: Floats, gradientScale: Float,
    learningRate: Float, moments: Moments, weightDecay: Float, decoupled: Bool
  ) {
    let inGradient = decoupled ? 0 : weightDecay
    let kept = decoupled ? 1 - learningRate * weightDecay : 1
    let (beta1, beta2) = (moments.beta1, moments.beta2)
    for index in 0..<count {
      let slope = gradient[index] * gradientScale + inGradient * weight[index]
      let first = beta1 * m[index] + (1 - beta1) * slope
      let second = beta2 * v[index] + (1 - beta2) * (slope * slope)
      m[index] = first
      v[index] = second
      let scale = (second / moments.correction2).squareRoot() + moments.epsilon
      weight[index] = kept * weight[index] - learningRate * (first / moments.correction1 / scale)
    }
  }

  /// Adam's moments, and LAMB's direction `r = m̂ / (√v̂ + ε) + λ w` in place of the gradient.
  static func lambDirection(
    count: Int, weight: Floats, gradient: Floats, m: Floats, v: Floats, gradientScale: Float,
    moments: Moments, weightDecay: Float
  ) {
    let (beta1, beta2) = (moments.beta1, moments.beta2)
    for index in 0..<count {
      let slope = gradient[index] * gradientScale
      let first = beta1 * m[index] + (1 - beta1) * slope
      let second = beta2 * v[index] + (1 - beta2) * (slope * slope)
      m[index] = first
      v[index] = second
      let scale = (second / moments.correction2).squareRoot() + moments.epsilon
      gradient[index] = first / moments.correction1 / scale + weightDecay * weight[index]
    }
  }

  /// `w ← w − factor · direction`.
  static func scaledUpdate(count: Int, weight: Floats, direction: Floats, factor: Float) {
    for index in 0..<count { weight[index] -= factor * direction[index] }
  }

  /// `v ← μ v + η (c g + λ w); w ← w − v`, the rate η including the trust ratio.
  static func larsUpdate(
    count: Int, weight: Floats, gradient: Floats, momentumBuffer: Floats, gradientScale: Float,
    learningRate: Float, momentum: Float, weightDecay: Float
  ) {
    for index in 0..<count {
      let slope = gradient[index] * gradientScale + weightDecay * weight[index]
      let velocity = momentum * momentumBuffer[index] + learningRate * slope
      momentumBuffer[index] = velocity
      weight[index] -= velocity
    }
  }

  /// `θ̄ ← d θ̄ + (1 − d) θ`.
  static func emaUpdate(count: Int, average: Floats, weight: Floats, decay: Float) {
    let share = 1 - decay
    for index in 0..<count { average[index] = decay * average[index] + share * weight[index] }
  }

  /// Σ x² in Float64: eight running sums, added in one fixed order.
  static func squaredNorm(_ count: Int, _ values: UnsafePointer<Float>) -> Double {
    var sums = SIMD8<Double>.zero
    var index = 0
    while index + 8 <= count {
      let wide = SIMD8<Double>(
        UnsafeRawPointer(values + index).loadUnaligned(as: SIMD8<Float>.self))
      sums += wide * wide
      index += 8
    }
    var sum = 0.0
    for lane in 0..<8 { sum += sums[lane] }
    while index < count {
      sum += Double(values[index]) * Double(values[index])
      index += 1
    }
    return sum
  }

  /// Whether no scalar is NaN or infinite.
  static func isFinite(_ count: Int, _ values: UnsafePointer<Float>) -> Bool {
    // A difference with itself is 0 for finite numbers and NaN for all others.
    var sum: Float = 0
    for index in 0..<count { sum += values[index] - values[index] }
    return sum == 0
  }
}
