import Glibc

/// The coupling of a compiled model: two modalities drawn together over the global batch.
///
/// Each sample that has both yields a *pair* of vectors.
public struct Coupling: Sendable, Equatable {
  /// What the loss is.
  public let objective: Objective
  /// d: numbers of a vector.
  public let width: Int
  /// The factor of the loss in the sum.
  public let weight: Double
  /// Where the learned t of the scale exp(t) lies among the parameters; nil for a fixed scale.
  public let logScale: Int?
  /// The scale of the first step.
  public let initialScale: Double
  /// The largest scale.
  public let maximumScale: Double
  /// The field whose equal ids are no negatives of each other.
  public let maskIndex: Int?
  /// The field by whose ids' frequency scores are corrected.
  public let popularityIndex: Int?

  /// What the loss is.
  public enum Objective: Sendable, Equatable {
    /// Vectors have length 1. Every first one asks which of the batch's second ones is its partner, and the
    /// other way round: softmax cross-entropy over scaled cosines (Radford et al. 2021, "Learning
    /// transferable visual models from natural language supervision"). ``ContrastiveBatch`` computes it.
    case contrast
    /// The distance of the covariances of both sides, by ``CovarianceAlignment``.
    case alignment
  }

  /// s: the factor of the cosines.
  ///
  /// - Parameter parameters: P scalars in canonical order.
  /// - Returns: the fixed scale, or exp(t) up to the largest.
  public func scale(_ parameters: UnsafePointer<Float>) -> Double {
    guard let logScale else { return initialScale }
    return min(maximumScale, exp(Double(parameters[logScale])))
  }

  /// Whether the scale may move against its gradient: at its largest it may only fall.
  ///
  /// - Parameters:
  ///   - parameters: P scalars in canonical order.
  ///   - slope: the derivative of the loss of the whole batch by t.
  /// - Returns: false for a fixed scale, and for one that is at its largest and would grow.
  public func scaleMoves(_ parameters: UnsafePointer<Float>, slope: Double) -> Bool {
    logScale != nil && !(slope < 0 && scale(parameters) >= maximumScale)
  }
}

/// What the loss over a global batch says to the pairs of one microbatch.
public struct CouplingGradient {
  /// The gradient of the first vectors, `[k, d]`, for the k pairs in the order of the samples.
  public let first: UnsafePointer<Float>
  /// The gradient of the second vectors.
  public let second: UnsafePointer<Float>
  /// The microbatch's share in the derivative by t, where the scale is learned.
  public let logScale: Float

  /// A gradient from its parts.
  public init(first: UnsafePointer<Float>, second: UnsafePointer<Float>, logScale: Float) {
    self.first = first
    self.second = second
    self.logScale = logScale
  }
}
