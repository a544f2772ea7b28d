import Tensors
import Testing

@Suite("Normalisation")
struct NormalizationTests {
  static let extents = [(2, 1), (5, 3), (64, 16), (33, 17), (200, 20), (7, 50)]

  /// `[rows, width]` values, `scale · random + shift`.
  private func values(_ rows: Int, _ width: Int, scale: Float, shift: Float) -> GuardedFloats {
    let x = GuardedFloats(random: rows * width, seed: 11)
    for index in 0..<x.count {
      x.base[index] = scale * x.base[index] + shift * Float(index % width + 1)
    }
    return x
  }

  @Test("Moments are accurate to 1e-6 even far from zero, in every build", arguments: extents)
  func moments(rows: Int, width: Int) throws {
    for (scale, shift) in [(Float(1), Float(0)), (1, 1000), (0.01, 100), (0, 3)] {
      let x = values(rows, width, scale: scale, shift: shift)
      let expected = Reference.moments(rows: rows, width: width, values: x.pointer)
      try onEachBuild { build in
        let mean = GuardedFloats(width)
        let variance = GuardedFloats(width)
        Kernels.batchNormStatistics(
          rows: rows, channels: width, x: x.pointer, mean: mean.base, variance: variance.base)
        for c in 0..<width {
          let (m, v) = (expected.mean[c], expected.variance[c])
          #expect(abs(Double(mean.base[c]) - m) <= 1e-7 * abs(m) + 1e-9, "\(build)")
          #expect(
            abs(Double(variance.base[c]) - v) <= 1e-6 * v + 1e-15, "\(build) \(scale) \(shift)")
        }
      }
    }
  }

  @Test(
    "Batch normalisation and its gradients equal the reference in every build", arguments: extents)
  func batch(rows: Int, width: Int) throws {
    let x = values(rows, width, scale: 2, shift: 0.5)
    let weight = GuardedFloats(random: width, seed: 12)
    let bias = GuardedFloats(random: width, seed: 13)
    let dy = GuardedFloats(random: rows * width, seed: 14)
    let epsilon: Float = 1e-5
    let references = (0..<width).map { c in
      Reference.normalize(
        (0..<rows).map { Double(x.base[$0 * width + c]) },
        gradient: (0..<rows).map { Double(dy.base[$0 * width + c]) * Double(weight.base[c]) },
        epsilon: Double(epsilon))
    }
    try onEachBuild { build in
      let mean = GuardedFloats(width)
      let variance = GuardedFloats(width)
      Kernels.batchNormStatistics(
        rows: rows, channels: width, x: x.pointer, mean: mean.base, variance: variance.base)
      for relu in [false, true] {
        let y = GuardedFloats(rows * width)
        Kernels.batchNormApply(
          rows: rows, channels: width, x: x.pointer, mean: mean.pointer, variance: variance.pointer,
          epsilon: epsilon, weight: weight.pointer, bias: bias.pointer, relu: relu, y: y.base)
        for index in 0..<rows * width {
          let c = index % width
          let plain =
            references[c].hat[index / width] * Double(weight.base[c]) + Double(bias.base[c])
          let wanted = relu ? max(0, plain) : plain
          #expect(abs(Double(y.base[index]) - wanted) <= 4e-6, "\(build) \(index)")
        }
      }
      let dx = GuardedFloats(rows * width)
      dx.base.update(from: dy.base, count: rows * width)
      let dWeight = GuardedFloats(width)
      let dBias = GuardedFloats(width)
      let scratch = GuardedFloats(2 * width)
      Kernels.batchNormBackward(
        rows: rows, channels: width, x: x.pointer, mean: mean.pointer, variance: variance.pointer,
        epsilon: epsilon, weight: weight.pointer, dy: dx.pointer, dx: dx.base,
        dWeight: dWeight.base, dBias: dBias.base, scratch: scratch.base)
      for c in 0..<width {
        let gradients = (0..<rows).map { Double(dy.base[$0 * width + c]) }
        let product = zip(gradients, references[c].hat).reduce(0) { $0 + $1.0 * $1.1 }
        #expect(abs(Double(dBias.base[c]) - gradients.reduce(0, +)) <= 2e-6, "\(build)")
        #expect(abs(Double(dWeight.base[c]) - product) <= 1e-5, "\(build)")
        for r in 0..<rows {
          let wanted = references[c].inputGradient[r]
          #expect(abs(Double(dx.base[r * width + c]) - wanted) <= 4e-6, "\(build)")
        }
      }
    }
  }

  @Test(
    "Layer normalisation and its gradients equal the reference in every build",
    arguments: extents.dropFirst())
  func layer(rows: Int, width: Int) throws {
    let x = values(rows, width, scale: 2, shift: 0.5)
    let weight = GuardedFloats(random: width, seed: 15)
    let bias = GuardedFloats(random: width, seed: 16)
    let dy = GuardedFloats(random: rows * width, seed: 17)
    let references = (0..<rows).map { r in
      Reference.normalize(
        (0..<width).map { Double(x.base[r * width + $0]) },
        gradient: (0..<width).map { Double(dy.base[r * width + $0]) * Double(weight.base[$0]) },
        epsilon: 1e-5)
    }
    try onEachBuild { build in
      let y = GuardedFloats(rows * width)
      let mean = GuardedFloats(rows)
      let inverse = GuardedFloats(rows)
      Kernels.layerNormForward(
        rows: rows, width: width, x: x.pointer, epsilon: 1e-5, weight: weight.pointer,
        bias: bias.pointer, y: y.base, mean: mean.base, inverseDeviation: inverse.base)
      let dx = GuardedFloats(rows * width)
      dx.base.update(from: dy.base, count: rows * width)
      let dWeight = GuardedFloats(width)
      let dBias = GuardedFloats(width)
      Kernels.layerNormBackward(
        rows: rows, width: width, x: x.pointer, mean: mean.pointer,
        inverseDeviation: inverse.pointer, weight: weight.pointer, dy: dx.pointer, dx: dx.base,
        dWeight: dWeight.base, dBias: dBias.base)
      var product = [Double](repeating: 0, count: width)
      var total = product
      for index in 0..<rows * width {
        let (r, c) = (index / width, index % width)
        let hat = references[r].hat[c]
        let plain = hat * Double(weight.base[c]) + Double(bias.base[c])
        #expect(abs(Double(y.base[index]) - plain) <= 4e-6, "\(build) \(index)")
        #expect(abs(Double(dx.base[index]) - references[r].inputGradient[c]) <= 4e-6, "\(build)")
        product[c] += Double(dy.base[index]) * hat
        total[c] += Double(dy.base[index])
      }
      for c in 0..<width {
        #expect(abs(Double(dWeight.base[c]) - product[c]) <= 2e-5, "\(build)")
        #expect(abs(Double(dBias.base[c]) - total[c]) <= 2e-5, "\(build)")
      }
    }
  }

  @Test("Fused relu lets NaN pass, in every build")
  func notANumber() throws {
    try onEachBuild { build in
      for channels in [1, 16] {
        let x = [Float](repeating: .nan, count: channels)
        let ones = [Float](repeating: 1, count: channels)
        var y = [Float](repeating: 0, count: channels)
        Kernels.batchNormApply(
          rows: 1, channels: channels, x: x, mean: ones, variance: ones, epsilon: 0, weight: ones,
          bias: ones, relu: true, y: &y)
        #expect(y.allSatisfy { $0.isNaN }, "\(build)")
      }
    }
  }
}
