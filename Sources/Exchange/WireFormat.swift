import Foundation
import Parameters

/// In what form gradients travel between nodes; inside a node nothing depends on it.
public enum WireFormat: Sendable, Equatable {
  /// As they are.
  case float32
  /// Each node's partial sums rounded to bfloat16, and added in float32; new weights as they are.
  case bfloat16
  /// The largest entries of what each node has not sent yet.
  case topK(TopK)

  /// Sparse gradients with error feedback and momentum correction.
  ///
  /// Lin et al. 2018, Deep Gradient Compression.
  public struct TopK: Sendable, Equatable {
    /// The share of a tensor's entries that a node sends in a step, in `0 < density <= 1`.
    public let density: Double
    /// m of the momentum correction, in `0 ..< 1`; 0 is without.
    public let momentum: Double
    /// Steps in which the density falls from 1/4.
    public let warmupSteps: Int

    /// Tensors of fewer scalars travel whole: biases and norms cost little and matter much.
    static let leastScalars = 4096
    /// The density of the first step of the warm-up.
    static let firstDensity = 0.25

    /// A compression from its parts.
    public init(density: Double, momentum: Double, warmupSteps: Int) {
      self.density = density
      self.momentum = momentum
      self.warmupSteps = warmupSteps
    }

    /// The density at a step: `0.25 · (density / 0.25)^(step / warmupSteps)`, then `density`.
    public func density(atStep step: Int) -> Double {
      guard step < warmupSteps, density < Self.firstDensity else { return density }
      let part = Double(step) / Double(warmupSteps)
      return Self.firstDensity * pow(density / Self.firstDensity, part)
    }
  }

  /// The compression, where there is one.
  var topK: TopK? {
    if case .topK(let settings) = self { return settings }
    return nil
  }
}
