import Tensors
import Testing

/// One random geometry with its arrays and the reference's answers.
private struct Case {
  let g: ConvolutionGeometry
  let samples: Int
  let input, weights, bias, gradient: GuardedFloats
  /// What the definition is computed with.
  let rounded: (input: GuardedFloats, weights: GuardedFloats, gradient: GuardedFloats)

  init(_ precision: Precision = .float32, seed: Int, isSequence: Bool = false) {
    var draws = Draws(seed: UInt64(seed))
    let groups = draws.element([1, 1, 1, 2, 3])
    // One to four whole blocks of 16, with and without a rest of up to 8 and of more.
    let counts = groups == 1 ? [1, 3, 5, 16, 17, 20, 32, 44, 50, 64, 83] : [1, 3, 17, 33]
    let channels = groups * draws.element(groups == 1 ? counts : [1, 2, 5, 32])
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
    g = ConvolutionGeometry(
      height: extents[0], width: extents[1], channels: channels, outChannels: outChannels,
      kernel: kernel, stride: stride, padding: padding, dilation: dilation, groups: groups,
      precision: precision)
    // More samples than a tile holds, one time in four: narrow images are tiled across samples.
    samples = isSequence ? 1 : draws.element([1, 2, 3, 17])
    input = GuardedFloats(
      random: samples * g.height * g.width * channels, seed: UInt64(seed) * 4)
    weights = GuardedFloats(random: g.weightCount, seed: UInt64(seed) * 4 + 1)
    bias = GuardedFloats(random: outChannels, seed: UInt64(seed) * 4 + 2)
    gradient = GuardedFloats(
      random: samples * g.outHeight * g.outWidth * outChannels, seed: UInt64(seed) * 4 + 3)
    rounded = (
      Self.round(input, g.precision), Self.round(weights, g.precision),
      Self.round(gradient, g.precision)
    )
  }

  private static func round(_ values: GuardedFloats, _ precision: Precision) -> GuardedFloats {
    let copy = GuardedFloats(values.count)
    for index in 0..<values.count {
      copy.base[index] = TensorsTests.rounded(values.base[index], precision)
    }
    return copy
  }
}

/// The first bits that builds gave, which others repeat where precision lets them.
private struct FirstBits {
  let g: ConvolutionGeometry
  var first: [Float]?

  mutating func expect(_ found: GuardedFloats, _ build: String) {
    guard g.precision == .bfloat16 else { return }
    if let first { #expect(found.array == first, "\(build) \(g)") }
    first = found.array
  }
}

@Suite("Convolutions")
struct ConvolutionTests {
  private static let seeds = Array(1...120)

  @Test(
    "The forward pass equals the reference in every build", arguments: seeds, Precision.allCases)
  func forward(seed: Int, precision: Precision) throws {
    let c = Case(precision, seed: seed)
    for bias in [c.bias.pointer, nil] {
      var bits = FirstBits(g: c.g)
      let expected = Reference.convolution(
        c.g, samples: c.samples, input: c.rounded.input.pointer,
        weights: c.rounded.weights.pointer, bias: bias)
      try onEachBuild(c.g.precision) { build in
        let packed = GuardedFloats(c.g.packedCount)
        Kernels.packConvolution(c.g, c.weights.pointer, into: packed.base)
        let output = GuardedFloats(expected.count)
        Kernels.convolutionForward(
          c.g, samples: c.samples, c.input.pointer, packed: packed.pointer, bias: bias, output.base)
        let wrong = expected.indices.first { !expected[$0].admits(output.base[$0]) }
        #expect(wrong == nil, "\(build) \(c.g)")
        bits.expect(output, build)
      }
    }
  }

  @Test(
    "The input gradient equals the reference in every build", arguments: seeds, Precision.allCases)
  func inputGradient(seed: Int, precision: Precision) throws {
    let c = Case(precision, seed: seed)
    var bits = FirstBits(g: c.g)
    let expected = Reference.convolutionInputGradient(
      c.g, samples: c.samples, outputGradient: c.rounded.gradient.pointer,
      weights: c.rounded.weights.pointer)
    try onEachBuild(c.g.precision) { build in
      let packed = GuardedFloats(c.g.packedTransposedCount)
      Kernels.packConvolutionTransposed(c.g, c.weights.pointer, into: packed.base)
      let output = GuardedFloats(expected.count)
      Kernels.convolutionInputGradient(
        c.g, samples: c.samples, c.gradient.pointer, packedTransposed: packed.pointer, output.base)
      let wrong = expected.indices.first { !expected[$0].admits(output.base[$0]) }
      #expect(wrong == nil, "\(build) \(c.g)")
      bits.expect(output, build)
    }
  }

  @Test(
    "The weight gradient equals the reference in every build", arguments: seeds, Precision.allCases)
  func weightGradient(seed: Int, precision: Precision) throws {
    try expectWeightGradient(Case(precision, seed: seed))
  }

  @Test(
    "The weight gradient of one sequence equals the reference in every build", arguments: seeds,
    Precision.allCases)
  func sequenceWeightGradient(seed: Int, precision: Precision) throws {
    try expectWeightGradient(Case(precision, seed: seed, isSequence: true))
  }

  private func expectWeightGradient(_ c: Case) throws {
    var bits = FirstBits(g: c.g)
    let expected = Reference.convolutionWeightGradient(
      c.g, samples: c.samples, input: c.rounded.input.pointer,
      outputGradient: c.rounded.gradient.pointer)
    let bias = Reference.sumRows(
      rows: c.gradient.count / c.g.outChannels, width: c.g.outChannels, values: c.gradient.pointer)
    try onEachBuild(c.g.precision) { build in
      let output = GuardedFloats(expected.count)
      let biasOutput = GuardedFloats(bias.count)
      Kernels.convolutionWeightGradient(
        c.g, samples: c.samples, c.input.pointer, c.gradient.pointer, weightGradient: output.base,
        biasGradient: biasOutput.base)
      let wrong = expected.indices.first { !expected[$0].admits(output.base[$0]) }
      #expect(wrong == nil, "\(build) \(c.g)")
      bits.expect(output, build)
      #expect(bias.indices.allSatisfy { bias[$0].admits(biasOutput.base[$0]) }, "\(build) \(c.g)")
    }
  }

  @Test("Threads that share a convolution give its bits", arguments: 1...20, [false, true])
  func threads(seed: Int, isSequence: Bool) throws {
    let c = Case(.bfloat16, seed: seed, isSequence: isSequence)
    func all() -> [[Float]] {
      let packed = GuardedFloats(c.g.packedCount)
      let transposed = GuardedFloats(c.g.packedTransposedCount)
      let (y, dx) = (GuardedFloats(c.gradient.count), GuardedFloats(c.input.count))
      let (dw, db) = (GuardedFloats(c.g.weightCount), GuardedFloats(c.g.outChannels))
      Kernels.packConvolution(c.g, c.weights.pointer, into: packed.base)
      Kernels.packConvolutionTransposed(c.g, c.weights.pointer, into: transposed.base)
      Kernels.convolutionForward(
        c.g, samples: c.samples, c.input.pointer, packed: packed.pointer, bias: c.bias.pointer,
        y.base)
      Kernels.convolutionInputGradient(
        c.g, samples: c.samples, c.gradient.pointer, packedTransposed: transposed.pointer, dx.base)
      Kernels.convolutionWeightGradient(
        c.g, samples: c.samples, c.input.pointer, c.gradient.pointer, weightGradient: dw.base,
        biasGradient: db.base)
      return [y.array, dx.array, dw.array, db.array]
    }
    try onEachBuild(.bfloat16) { build in
      let one = all()
      let three = try Kernels.with(threads: 3, cores: 0, leastWork: 1) { all() }
      #expect(one == three, "\(build): \(c.g)")
    }
  }

  @Test(
    "A sample's output does not depend on its companions or on alignment", arguments: 1...20,
    Precision.allCases)
  func companions(seed: Int, precision: Precision) throws {
    let c = Case(precision, seed: seed)
    let size = c.g.height * c.g.width * c.g.channels
    let outSize = c.g.outHeight * c.g.outWidth * c.g.outChannels
    try onEachBuild(c.g.precision) { build in
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
