import Tensors
import Testing

@Suite("Dense layers")
struct DenseTests {
  static let extents = [(1, 1, 1), (3, 20, 17), (32, 65, 10)]

  /// A dense layer, and the 1 × 1 convolution of n images of one pixel that equals it.
  private struct Case {
    let n, inputs, outputs: Int
    let x, w, b, dy, transposed: GuardedFloats
    let g: ConvolutionGeometry

    init(_ extents: (Int, Int, Int)) {
      (n, inputs, outputs) = extents
      x = GuardedFloats(random: n * inputs, seed: 7)
      w = GuardedFloats(random: outputs * inputs, seed: 8)
      b = GuardedFloats(random: outputs, seed: 9)
      dy = GuardedFloats(random: n * outputs, seed: 10)
      g = ConvolutionGeometry(
        height: 1, width: 1, channels: inputs, outChannels: outputs, kernel: [1, 1])
      transposed = GuardedFloats(inputs * outputs)
      for i in 0..<inputs {
        for o in 0..<outputs { transposed.base[i * outputs + o] = w.base[o * inputs + i] }
      }
    }
  }

  @Test("The output equals the definition in every build", arguments: extents)
  func forward(extents: (Int, Int, Int)) throws {
    let c = Case(extents)
    for bias in [c.b.pointer, nil] {
      let y = Reference.convolution(
        c.g, samples: c.n, input: c.x.pointer, weights: c.transposed.pointer, bias: bias)
      try onEachBuild { build in
        let output = GuardedFloats(c.n * c.outputs)
        Kernels.linearForward(
          samples: c.n, inputs: c.inputs, outputs: c.outputs, x: c.x.pointer, weight: c.w.pointer,
          bias: bias, y: output.base)
        #expect(y.indices.allSatisfy { y[$0].admits(output.base[$0]) }, "\(build)")
      }
    }
  }

  @Test("The input's gradient equals the definition in every build", arguments: extents)
  func inputGradient(extents: (Int, Int, Int)) throws {
    let c = Case(extents)
    let dx = Reference.convolutionInputGradient(
      c.g, samples: c.n, outputGradient: c.dy.pointer, weights: c.transposed.pointer)
    try onEachBuild { build in
      let output = GuardedFloats(c.n * c.inputs)
      Kernels.linearInputGradient(
        samples: c.n, inputs: c.inputs, outputs: c.outputs, dy: c.dy.pointer, weight: c.w.pointer,
        dx: output.base)
      #expect(dx.indices.allSatisfy { dx[$0].admits(output.base[$0]) }, "\(build)")
    }
  }

  @Test("The parameters' gradients equal the definition in every build", arguments: extents)
  func parameterGradients(extents: (Int, Int, Int)) throws {
    let c = Case(extents)
    let dw = Reference.convolutionWeightGradient(
      c.g, samples: c.n, input: c.x.pointer, outputGradient: c.dy.pointer)
    let db = Reference.sumRows(rows: c.n, width: c.outputs, values: c.dy.pointer)
    try onEachBuild { build in
      let weights = GuardedFloats(c.outputs * c.inputs)
      let biases = GuardedFloats(c.outputs)
      Kernels.linearWeightGradient(
        samples: c.n, inputs: c.inputs, outputs: c.outputs, x: c.x.pointer, dy: c.dy.pointer,
        weightGradient: weights.base, biasGradient: biases.base)
      for i in 0..<c.inputs {
        for o in 0..<c.outputs {
          #expect(dw[i * c.outputs + o].admits(weights.base[o * c.inputs + i]), "\(build)")
        }
      }
      #expect(db.indices.allSatisfy { db[$0].admits(biases.base[$0]) }, "\(build)")
    }
  }
}
