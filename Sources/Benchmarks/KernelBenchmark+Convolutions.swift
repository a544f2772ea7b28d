import Buffers
import Tensors

extension KernelBenchmark {
  /// The convolutions that are measured: side, channels, outputs, kernel, stride.
  static func geometries(_ precision: Precision) -> [ConvolutionGeometry] {
    func geometry(
      _ side: Int, _ channels: Int, _ outputs: Int, _ kernel: Int, stride: Int = 1,
      padding: Int? = nil
    ) -> ConvolutionGeometry {
      let around = padding ?? kernel / 2
      return ConvolutionGeometry(
        height: side, width: side, channels: channels, outChannels: outputs,
        kernel: [kernel, kernel], stride: [stride, stride], padding: [around, around],
        precision: precision)
    }
    return [
      geometry(28, 1, 16, 3), geometry(32, 3, 16, 3), geometry(56, 3, 16, 3),
      geometry(32, 16, 16, 3), geometry(28, 16, 32, 3), geometry(32, 16, 32, 3, stride: 2),
      geometry(16, 32, 32, 3), geometry(16, 32, 64, 3), geometry(16, 32, 64, 3, stride: 2),
      geometry(8, 64, 64, 3), geometry(24, 16, 16, 5), geometry(24, 16, 32, 5, stride: 2),
      geometry(12, 20, 50, 5, padding: 0), geometry(16, 32, 64, 1), geometry(16, 64, 64, 1),
      geometry(32, 16, 32, 1, stride: 2),
    ]
  }

  /// Measures forward passes, input gradients and weight gradients of convolutions of 32 samples.
  ///
  /// Operations are counted densely, so shapes that skip taps on padding can pass the peak.
  ///
  /// - Parameters:
  ///   - rounds: how often each is measured; the best counts.
  ///   - precision: what operands are rounded to, where that pays.
  /// - Returns: three measurements of each shape.
  /// - Precondition: `rounds` is at least 1.
  public static func convolutions(
    rounds: Int, precision: Precision = .float32
  ) -> [KernelMeasurement] {
    geometries(precision).flatMap { measure($0, rounds) }
  }

  private static func measure(_ g: ConvolutionGeometry, _ rounds: Int) -> [KernelMeasurement] {
    let samples = 32
    let input = numbers(samples * g.height * g.width * g.channels)
    let gradient = numbers(samples * g.outHeight * g.outWidth * g.outChannels)
    let weights = numbers(g.weightCount)
    let weightGradient = HostBuffer<Float>(count: g.weightCount)
    let inputGradient = HostBuffer<Float>(count: input.count)
    let output = HostBuffer<Float>(count: gradient.count)
    let packed = HostBuffer<Float>(count: g.packedCount)
    let transposed = HostBuffer<Float>(count: g.packedTransposedCount)
    Kernels.packConvolution(g, weights.base, into: packed.base)
    Kernels.packConvolutionTransposed(g, weights.base, into: transposed.base)
    let operations = 2 * Double(samples * g.outHeight * g.outWidth) * Double(g.weightCount)
    let stride = g.stride[0] == 1 ? "" : " stride \(g.stride[0])"
    let name =
      "\(g.height)x\(g.width), \(g.channels) to \(g.outChannels), \(g.kernel[0])x\(g.kernel[1])"
    func pass(_ part: String, _ compute: () -> Void) -> KernelMeasurement {
      KernelMeasurement(
        name: "\(name)\(stride), \(part)", operations: operations,
        seconds: best(of: rounds, operations: operations, compute))
    }
    return [
      pass("forward") {
        Kernels.convolutionForward(
          g, samples: samples, input.base, packed: packed.base, bias: nil, output.base)
      },
      pass("input gradient") {
        Kernels.convolutionInputGradient(
          g, samples: samples, gradient.base, packedTransposed: transposed.base,
          inputGradient.base)
      },
      pass("weight gradient") {
        Kernels.convolutionWeightGradient(
          g, samples: samples, input.base, gradient.base, weightGradient: weightGradient.base,
          biasGradient: nil)
      },
    ]
  }
}
