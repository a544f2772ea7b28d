import Buffers
import Tensors

/// How fast one core computes a convolution.
public struct ConvolutionMeasurement: Sendable, Equatable {
  /// The geometry.
  public var geometry: ConvolutionGeometry
  /// Samples at a time.
  public var samples: Int
  /// Seconds of a forward pass, the best of many.
  public var forward: Double
  /// Seconds of the gradient of the input, the best of as many.
  public var inputGradient: Double
  /// Seconds of the gradient of the weights, the best of as many.
  public var weightGradient: Double
  /// Seconds in which the weights are packed for both, the best of as many.
  public var packing: Double

  /// Floating-point operations of each of the three, padding counted as if it were multiplied.
  public var operations: Double {
    let g = geometry
    return 2 * Double(samples * g.outHeight * g.outWidth) * Double(g.weightCount)
  }
}

/// Measures convolutions on the calling thread.
public enum ConvolutionBenchmark {
  /// The shapes that are measured: side, channels, outputs, kernel, stride.
  public static let shapes: [ConvolutionGeometry] = [
    shape(28, 1, 16, 3), shape(32, 3, 16, 3), shape(56, 3, 16, 3), shape(32, 16, 16, 3),
    shape(28, 16, 32, 3), shape(32, 16, 32, 3, stride: 2), shape(16, 32, 32, 3),
    shape(16, 32, 64, 3), shape(16, 32, 64, 3, stride: 2), shape(8, 64, 64, 3),
    shape(24, 16, 16, 5), shape(24, 16, 32, 5, stride: 2), shape(12, 20, 50, 5, padding: 0),
    shape(16, 32, 64, 1), shape(16, 64, 64, 1), shape(32, 16, 32, 1, stride: 2),
  ]

  private static func shape(
    _ side: Int, _ channels: Int, _ outputs: Int, _ kernel: Int, stride: Int = 1,
    padding: Int? = nil
  ) -> ConvolutionGeometry {
    let around = padding ?? kernel / 2
    return ConvolutionGeometry(
      height: side, width: side, channels: channels, outChannels: outputs,
      kernel: [kernel, kernel], stride: [stride, stride], padding: [around, around])
  }

  /// Measures one shape.
  ///
  /// - Parameters:
  ///   - g: the shape.
  ///   - samples: n, at a time.
  ///   - rounds: how often each pass is computed, in turn.
  /// - Returns: the best times.
  /// - Precondition: both are at least 1.
  public static func measure(
    _ g: ConvolutionGeometry, samples: Int, rounds: Int
  ) -> ConvolutionMeasurement {
    let input = numbers(samples * g.height * g.width * g.channels)
    let gradient = numbers(samples * g.outHeight * g.outWidth * g.outChannels)
    let weights = numbers(g.weightCount)
    let weightGradient = HostBuffer<Float>(count: g.weightCount)
    let inputGradient = HostBuffer<Float>(count: input.count)
    let output = HostBuffer<Float>(count: gradient.count)
    let packed = HostBuffer<Float>(count: g.packedCount)
    let transposed = HostBuffer<Float>(count: g.packedTransposedCount)
    var best = ConvolutionMeasurement(
      geometry: g, samples: samples, forward: .infinity, inputGradient: .infinity,
      weightGradient: .infinity, packing: .infinity)
    for _ in 0..<rounds {
      lower(&best.packing) {
        Kernels.packConvolution(g, weights.base, into: packed.base)
        Kernels.packConvolutionTransposed(g, weights.base, into: transposed.base)
      }
      lower(&best.forward) {
        Kernels.convolutionForward(
          g, samples: samples, input.base, packed: packed.base, bias: nil, output.base)
      }
      lower(&best.weightGradient) {
        Kernels.convolutionWeightGradient(
          g, samples: samples, input.base, gradient.base, weightGradient: weightGradient.base,
          biasGradient: nil)
      }
      lower(&best.inputGradient) {
        Kernels.convolutionInputGradient(
          g, samples: samples, gradient.base, packedTransposed: transposed.base,
          inputGradient.base)
      }
    }
    return best
  }

  private static func lower(_ best: inout Double, _ body: () -> Void) {
    let start = threadSeconds()
    body()
    best = min(best, threadSeconds() - start)
  }

  private static func numbers(_ count: Int) -> HostBuffer<Float> {
    let buffer = HostBuffer<Float>(count: count)
    for index in 0..<count { buffer.base[index] = Float(index % 7) - 3 }
    return buffer
  }
}
