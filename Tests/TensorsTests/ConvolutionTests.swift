import Tensors
import Testing

/// One random geometry with its arrays and the reference's answers.
struct ConvolutionCase {
  let g: ConvolutionGeometry
  let samples: Int
  let input, weights, bias, gradient: GuardedFloats

  init(_ precision: Precision = .float32, seed: Int, isSequence: Bool = false) {
    var draws = Draws(seed: UInt64(seed))
    let groups = draws.element([1, 1, 1, 2, 3])
    // None to five whole blocks of 16, with and without a rest of up to 4, up to 8 and of more.
    let counts =
      groups == 1 ? [1, 2, 3, 4, 5, 16, 17, 18, 20, 32, 44, 50, 64, 83] : [1, 3, 16, 18, 33]
    let channels = groups * draws.element(groups == 1 ? counts : [1, 2, 5, 20, 32])
    let outChannels = groups * draws.element(counts)
    func pair(_ range: ClosedRange<Int>, along: Int) -> [Int] {
      let drawn = [draws.integer(range), draws.integer(range)]
      return isSequence ? [along, drawn[1]] : drawn
    }
    let kernel = pair(1...5, along: 1)
    let stride = pair(1...3, along: 1)
    let padding = pair(0...2, along: 0)
    let dilation = pair(1...2, along: 1)
    // Lines shorter and, one time in four, longer than a tile of pixels.
    let most = draws.element([9, 9, 9, 40])
    let extents = (0..<2).map {
      max(1, dilation[$0] * (kernel[$0] - 1) + 1 - 2 * padding[$0])
        + draws.integer(0...($0 == 1 ? most : isSequence ? 0 : 9))
    }
    let g = ConvolutionGeometry(
      height: extents[0], width: extents[1], channels: channels, outChannels: outChannels,
      kernel: kernel, stride: stride, padding: padding, dilation: dilation, groups: groups,
      precision: precision)
    // More samples than a tile holds, one time in four: narrow images are tiled across samples.
    self.init(g, samples: isSequence ? 1 : draws.element([1, 2, 3, 17]), seed: seed)
  }

  init(_ g: ConvolutionGeometry, samples: Int, seed: Int) {
    (self.g, self.samples) = (g, samples)
    input = GuardedFloats(
      random: samples * g.height * g.width * g.channels, seed: UInt64(seed) * 4)
    weights = GuardedFloats(random: g.weightCount, seed: UInt64(seed) * 4 + 1)
    bias = GuardedFloats(random: g.outChannels, seed: UInt64(seed) * 4 + 2)
    gradient = GuardedFloats(
      random: samples * g.outHeight * g.outWidth * g.outChannels, seed: UInt64(seed) * 4 + 3)
  }
}

@Suite("Convolutions")
struct ConvolutionTests {
  private static let seeds = Array(1...200)

  @Test("The forward pass equals the reference in every build", arguments: seeds)
  func forward(seed: Int) throws {
    let c = ConvolutionCase(seed: seed)
    for bias in [c.bias.pointer, nil] {
      let expected = Reference.convolution(
        c.g, samples: c.samples, input: c.input.pointer, weights: c.weights.pointer, bias: bias)
      try onEachBuild { build in
        let packed = GuardedFloats(c.g.packedCount)
        Kernels.packConvolution(c.g, c.weights.pointer, into: packed.base)
        let output = GuardedFloats(expected.count)
        Kernels.convolutionForward(
          c.g, samples: c.samples, c.input.pointer, packed: packed.pointer, bias: bias, output.base)
        let wrong = expected.indices.first { !expected[$0].admits(output.base[$0]) }
        #expect(wrong == nil, "\(build) \(c.g)")
      }
    }
  }

  @Test("The input gradient equals the reference in every build", arguments: seeds)
  func inputGradient(seed: Int) throws {
    let c = ConvolutionCase(seed: seed)
    let expected = Reference.convolutionInputGradient(
      c.g, samples: c.samples, outputGradient: c.gradient.pointer, weights: c.weights.pointer)
    try onEachBuild { build in
      let packed = GuardedFloats(c.g.packedTransposedCount)
      Kernels.packConvolutionTransposed(c.g, c.weights.pointer, into: packed.base)
      let output = GuardedFloats(expected.count)
      Kernels.convolutionInputGradient(
        c.g, samples: c.samples, c.gradient.pointer, packedTransposed: packed.pointer, output.base)
      let wrong = expected.indices.first { !expected[$0].admits(output.base[$0]) }
      #expect(wrong == nil, "\(build) \(c.g)")
    }
  }

  @Test("The weight gradient equals the reference in every build", arguments: seeds)
  func weightGradient(seed: Int) throws {
    let c = ConvolutionCase(seed: seed)
    let expected = Reference.convolutionWeightGradient(
      c.g, samples: c.samples, input: c.input.pointer, outputGradient: c.gradient.pointer)
    let bias = Reference.sumRows(
      rows: c.gradient.count / c.g.outChannels, width: c.g.outChannels, values: c.gradient.pointer)
    try onEachBuild { build in
      let output = GuardedFloats(expected.count)
      let biasOutput = GuardedFloats(bias.count)
      Kernels.convolutionWeightGradient(
        c.g, samples: c.samples, c.input.pointer, c.gradient.pointer, weightGradient: output.base,
        biasGradient: biasOutput.base)
      let wrong = expected.indices.first { !expected[$0].admits(output.base[$0]) }
      #expect(wrong == nil, "\(build) \(c.g)")
      #expect(bias.indices.allSatisfy { bias[$0].admits(biasOutput.base[$0]) }, "\(build) \(c.g)")
    }
  }

  @Test("Ending with a relu gives the bits of a relu behind it", arguments: 1...60)
  func relu(seed: Int) throws {
    let c = ConvolutionCase(seed: seed)
    // What is no number passes.
    c.input.base[c.input.count / 2] = .nan
    try onEachBuild { build in
      let packed = GuardedFloats(c.g.packedCount)
      Kernels.packConvolution(c.g, c.weights.pointer, into: packed.base)
      let count = c.gradient.count
      let expected = GuardedFloats(count)
      let output = GuardedFloats(count)
      for (relu, y) in [(false, expected), (true, output)] {
        Kernels.convolutionForward(
          c.g, samples: c.samples, c.input.pointer, packed: packed.pointer, bias: c.bias.pointer,
          relu: relu, y.base)
      }
      Kernels.activate(.relu, count: count, input: expected.pointer, output: expected.base)
      let wrong = (0..<count).first {
        output.base[$0].bitPattern != expected.base[$0].bitPattern
          && !(output.base[$0].isNaN && expected.base[$0].isNaN)
      }
      #expect(wrong == nil, "\(build) \(c.g)")
    }
  }

  @Test("A sample's gradient does not depend on its companions", arguments: 1...40)
  func companionsOfGradients(seed: Int) throws {
    let c = ConvolutionCase(seed: seed)
    let size = c.g.height * c.g.width * c.g.channels
    let outSize = c.g.outHeight * c.g.outWidth * c.g.outChannels
    try onEachBuild { build in
      let packed = GuardedFloats(c.g.packedTransposedCount)
      Kernels.packConvolutionTransposed(c.g, c.weights.pointer, into: packed.base)
      let together = GuardedFloats(c.samples * size)
      Kernels.convolutionInputGradient(
        c.g, samples: c.samples, c.gradient.pointer, packedTransposed: packed.pointer,
        together.base)
      for n in 0..<c.samples {
        let alone = GuardedFloats(size)
        Kernels.convolutionInputGradient(
          c.g, samples: 1, c.gradient.pointer + n * outSize, packedTransposed: packed.pointer,
          alone.base)
        let same = (0..<size).allSatisfy {
          alone.base[$0].bitPattern == together.base[n * size + $0].bitPattern
        }
        #expect(same, "\(build) sample \(n) of \(c.g)")
      }
    }
  }

  @Test("A sample's output does not depend on its companions or on alignment", arguments: 1...40)
  func companions(seed: Int) throws {
    let c = ConvolutionCase(seed: seed)
    let size = c.g.height * c.g.width * c.g.channels
    let outSize = c.g.outHeight * c.g.outWidth * c.g.outChannels
    try onEachBuild { build in
      let packed = GuardedFloats(c.g.packedCount)
      Kernels.packConvolution(c.g, c.weights.pointer, into: packed.base)
      let together = GuardedFloats(c.samples * outSize)
      Kernels.convolutionForward(
        c.g, samples: c.samples, c.input.pointer, packed: packed.pointer, bias: nil, together.base)
      for n in 0..<c.samples {
        let moved = GuardedFloats(size, slack: 3)
        moved.base.update(from: c.input.base + n * size, count: size)
        let alone = GuardedFloats(outSize, slack: 1)
        Kernels.convolutionForward(
          c.g, samples: 1, moved.pointer, packed: packed.pointer, bias: nil, alone.base)
        let same = (0..<outSize).allSatisfy {
          alone.base[$0].bitPattern == together.base[n * outSize + $0].bitPattern
        }
        #expect(same, "\(build) sample \(n) of \(c.g)")
      }
    }
  }
}
