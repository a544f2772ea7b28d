import Tensors
import Testing

/// A convolution whose operands are rounded to bfloat16, where that pays.
private struct RoundedCase {
  let drawn: ConvolutionCase
  /// What the definition is computed with.
  let input, weights, gradient: GuardedFloats

  var g: ConvolutionGeometry { drawn.g }

  init(seed: Int, isSequence: Bool = false) {
    let drawn = ConvolutionCase(.bfloat16, seed: seed, isSequence: isSequence)
    func round(_ values: GuardedFloats) -> GuardedFloats {
      let copy = GuardedFloats(values.count)
      for index in 0..<values.count {
        copy.base[index] = rounded(values.base[index], drawn.g.precision)
      }
      return copy
    }
    self.drawn = drawn
    (input, weights, gradient) = (
      round(drawn.input), round(drawn.weights), round(drawn.gradient)
    )
  }

  /// What the kernels of the thread's build give.
  struct Results: Equatable {
    var output, inputGradient, weightGradient, biasGradient: [Float]
  }

  func compute(relu: Bool = false) -> Results {
    let (packed, transposed) = (
      GuardedFloats(g.packedCount), GuardedFloats(g.packedTransposedCount)
    )
    let (y, dx) = (GuardedFloats(gradient.count), GuardedFloats(input.count))
    let (dw, db) = (GuardedFloats(g.weightCount), GuardedFloats(g.outChannels))
    Kernels.packConvolution(g, drawn.weights.pointer, into: packed.base)
    Kernels.packConvolutionTransposed(g, drawn.weights.pointer, into: transposed.base)
    Kernels.convolutionForward(
      g, samples: drawn.samples, drawn.input.pointer, packed: packed.pointer,
      bias: drawn.bias.pointer, relu: relu, y.base)
    Kernels.convolutionInputGradient(
      g, samples: drawn.samples, drawn.gradient.pointer, packedTransposed: transposed.pointer,
      dx.base)
    Kernels.convolutionWeightGradient(
      g, samples: drawn.samples, drawn.input.pointer, drawn.gradient.pointer,
      weightGradient: dw.base, biasGradient: db.base)
    return Results(
      output: y.array, inputGradient: dx.array, weightGradient: dw.array, biasGradient: db.array)
  }

  /// Whether every number is the definition's within the roundings of its sum.
  func admits(_ results: Results) -> Bool {
    let expected = [
      Reference.convolution(
        g, samples: drawn.samples, input: input.pointer, weights: weights.pointer,
        bias: drawn.bias.pointer),
      Reference.convolutionInputGradient(
        g, samples: drawn.samples, outputGradient: gradient.pointer, weights: weights.pointer),
      Reference.convolutionWeightGradient(
        g, samples: drawn.samples, input: input.pointer, outputGradient: gradient.pointer),
      Reference.sumRows(
        rows: gradient.count / g.outChannels, width: g.outChannels,
        values: drawn.gradient.pointer),
    ]
    let found = [
      results.output, results.inputGradient, results.weightGradient, results.biasGradient,
    ]
    return zip(expected, found).allSatisfy { sums, numbers in
      sums.count == numbers.count && zip(sums, numbers).allSatisfy { $0.admits($1) }
    }
  }
}

@Suite("Convolutions in bfloat16")
struct RoundedConvolutionTests {
  @Test(
    "All three equal the reference over rounded operands, with one set of bits for all builds",
    arguments: 1...160, [false, true])
  func reference(seed: Int, isSequence: Bool) throws {
    let c = RoundedCase(seed: seed, isSequence: isSequence)
    var first: RoundedCase.Results?
    try onEachBuild(.bfloat16) { build in
      let results = c.compute()
      #expect(c.admits(results), "\(build): \(c.g)")
      guard c.g.precision == .bfloat16 else { return }
      // Sums of the bias's gradient are float32, of which the build decides the bits.
      var bits = results
      bits.biasGradient = []
      if let first { #expect(bits == first, "\(build): \(c.g)") }
      first = bits
    }
  }

  @Test("Threads that share a convolution give its bits", arguments: 1...30, [false, true])
  func threads(seed: Int, isSequence: Bool) throws {
    let c = RoundedCase(seed: seed, isSequence: isSequence)
    try onEachBuild(.bfloat16) { build in
      let one = c.compute()
      let three = try Kernels.with(threads: 3, cores: 0, leastWork: 1) { c.compute() }
      #expect(one == three, "\(build): \(c.g)")
    }
  }

  @Test("Ending with a relu gives the bits of a relu behind it", arguments: 1...40)
  func relu(seed: Int) throws {
    let c = RoundedCase(seed: seed)
    try onEachBuild(.bfloat16) { build in
      let expected = c.compute().output.map { $0 > 0 ? $0 : 0 }
      #expect(c.compute(relu: true).output == expected, "\(build): \(c.g)")
    }
  }

  @Test("Few channels and kernels that jump over pixels stay float32")
  func rule() {
    func precision(_ channels: Int, groups: Int = 1, kernel: Int, stride: Int) -> Precision {
      ConvolutionGeometry(
        height: 9, width: 9, channels: channels, outChannels: 16, kernel: [kernel, kernel],
        stride: [stride, stride], groups: groups, precision: .bfloat16
      ).precision
    }
    #expect(precision(3, kernel: 3, stride: 1) == .float32)
    #expect(precision(4, kernel: 3, stride: 1) == .bfloat16)
    #expect(precision(16, groups: 8, kernel: 3, stride: 1) == .float32)
    #expect(precision(16, kernel: 1, stride: 2) == .float32)
    #expect(precision(16, kernel: 2, stride: 2) == .bfloat16)
  }
}
