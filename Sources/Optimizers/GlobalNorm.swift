/// The L2 norm of the global gradient, combined from one Float64 per piece in index order.
public struct GlobalNorm: Sendable, Equatable {
  /// `√Σ g²` over all trainable parameters that are not frozen, before clipping.
  public let value: Double

  /// Whether no gradient and no batch statistic was NaN or infinite.
  ///
  /// A sum of squares of finite Float32 numbers cannot overflow a Float64.
  public var isFinite: Bool { value.isFinite }

  /// Combines what `Optimizer.measureGradient` wrote for all blocks.
  ///
  /// - Parameters:
  ///   - pieces: the sums of squares of all pieces of the layout.
  ///   - count: how many there are.
  public init(combining pieces: UnsafePointer<Double>, count: Int) {
    var sum = 0.0
    for index in 0..<count { sum += pieces[index] }
    value = sum.squareRoot()
  }

  /// Whether the clipped gradient can be squared in Float32, as second moments do: up to 1.8e19.
  ///
  /// A larger one is finite, but would leave an infinite moment, which freezes its weight without a sign.
  public func fits(maxNorm: Double?) -> Bool {
    isFinite && value * Double(clipFactor(maxNorm: maxNorm)) <= Self.largest
  }

  private static let largest = Double(Float.greatestFiniteMagnitude).squareRoot()

  /// The factor that clips the gradient to `maxNorm`: `min(1, maxNorm / (norm + 1e-6))`.
  ///
  /// The small constant is PyTorch's (`clip_grad_norm_`).
  public func clipFactor(maxNorm: Double?) -> Float {
    guard let maxNorm else { return 1 }
    return Float(min(1, maxNorm / (value + 1e-6)))
  }
}
