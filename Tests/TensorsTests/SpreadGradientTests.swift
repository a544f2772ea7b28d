import Tensors
import Testing

/// Input gradients that are products spread over the image, of images that take several blocks of pixels.
@Suite("Spread input gradients")
struct SpreadGradientTests {
  /// Channels that fill blocks of 16 badly, by extents, channels, kernel, stride and padding.
  ///
  /// Blocks end within rows, within columns, within both and within a sequence; padding is wider than a kernel, and
  /// strides jump over pixels.
  private static let shapes:
    [(extents: [Int], channels: [Int], kernel: [Int], stride: [Int], padding: [Int])] = [
      ([49, 46], [6, 17], [5, 5], [1, 1], [0, 0]),
      ([47, 20], [6, 16], [5, 5], [1, 1], [2, 2]),
      ([50, 93], [3, 64], [7, 7], [2, 2], [3, 3]),
      ([40, 90], [6, 64], [3, 3], [1, 2], [1, 0]),
      ([45, 60], [6, 64], [2, 3], [3, 1], [3, 4]),
      ([1, 1800], [6, 64], [1, 5], [1, 1], [0, 0]),
    ]

  private static let cases: [ConvolutionGeometry] = Precision.allCases.flatMap { precision in
    shapes.map {
      ConvolutionGeometry(
        height: $0.extents[0], width: $0.extents[1], channels: $0.channels[0],
        outChannels: $0.channels[1], kernel: $0.kernel, stride: $0.stride, padding: $0.padding,
        precision: precision)
    }
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
    let dy = GuardedFloats(c.gradient.count)
    let weights = GuardedFloats(c.weights.count)
    for index in 0..<dy.count { dy.base[index] = rounded(c.gradient.base[index], g.precision) }
    for index in 0..<weights.count {
      weights.base[index] = rounded(c.weights.base[index], g.precision)
    }
    let expected = Reference.convolutionInputGradient(
      g, samples: c.samples, outputGradient: dy.pointer, weights: weights.pointer)
    try onEachBuild(g.precision) { build in
      #expect(Kernels.spreadsInputGradient(g), "\(build) \(g)")
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

  @Test("Whole blocks of channels, single taps and kernels that outgrow a block stay tiles")
  func tiles() {
    func spreads(_ channels: Int, _ outputs: Int, kernel: Int) -> Bool {
      Kernels.spreadsInputGradient(
        ConvolutionGeometry(
          height: 40, width: 40, channels: channels, outChannels: outputs, kernel: [kernel, kernel])
      )
    }
    #expect(
      !spreads(32, 64, kernel: 3) && !spreads(6, 64, kernel: 1) && !spreads(20, 50, kernel: 3))
    #expect(spreads(6, 64, kernel: 3) && !spreads(100, 64, kernel: 11))
  }
}
