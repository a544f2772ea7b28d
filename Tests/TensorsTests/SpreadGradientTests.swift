import Tensors
import Testing

/// Input gradients that are products spread over the image, of images that take several blocks of pixels.
@Suite("Spread input gradients")
struct SpreadGradientTests {
  /// Channels that fill blocks of 16 badly; blocks end within rows, within columns, within both and within a sequence.
  private static let cases: [ConvolutionGeometry] = [
    geometry(height: 49, width: 46, channels: 6, outChannels: 16, kernel: [5, 5]),
    geometry(
      height: 47, width: 20, channels: 6, outChannels: 16, kernel: [5, 5], padding: [2, 2]),
    geometry(
      height: 50, width: 93, channels: 3, outChannels: 64, kernel: [7, 7], stride: [2, 2],
      padding: [3, 3]),
    geometry(
      height: 40, width: 90, channels: 9, outChannels: 33, kernel: [3, 3], stride: [1, 2],
      padding: [1, 0]),
    geometry(height: 1, width: 1800, channels: 25, outChannels: 64, kernel: [1, 3]),
  ]

  private static func geometry(
    height: Int, width: Int, channels: Int, outChannels: Int, kernel: [Int],
    stride: [Int] = [1, 1], padding: [Int] = [0, 0]
  ) -> ConvolutionGeometry {
    ConvolutionGeometry(
      height: height, width: width, channels: channels, outChannels: outChannels, kernel: kernel,
      stride: stride, padding: padding)
  }

  private func gradient(_ c: ConvolutionCase) -> [Float] {
    let packed = GuardedFloats(c.g.packedTransposedCount)
    let output = GuardedFloats(c.input.count)
    Kernels.packConvolutionTransposed(c.g, c.weights.pointer, into: packed.base)
    Kernels.convolutionInputGradient(
      c.g, samples: c.samples, c.gradient.pointer, packedTransposed: packed.pointer, output.base)
    return output.array
  }

  @Test(
    "Several blocks equal the reference, with the same bits on any number of threads",
    arguments: cases)
  func blocks(g: ConvolutionGeometry) throws {
    let c = ConvolutionCase(g, samples: 2, seed: 7)
    let expected = Reference.convolutionInputGradient(
      g, samples: c.samples, outputGradient: c.gradient.pointer, weights: c.weights.pointer)
    try onEachBuild { build in
      let one = gradient(c)
      let wrong = one.indices.first { !expected[$0].admits(one[$0]) }
      #expect(wrong == nil, "\(build) \(g)")
      for threads in [3, 5] {
        let shared = try Kernels.with(threads: threads, cores: 0, leastWork: 1) { gradient(c) }
        let differs = one.indices.first { one[$0].bitPattern != shared[$0].bitPattern }
        #expect(differs == nil, "\(build) \(threads) threads, \(g)")
      }
    }
  }
}
