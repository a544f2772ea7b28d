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

  @Test("A first row far from the others costs no accuracy, in every build")
  func outlier() throws {
    let x = values(100, 3, scale: 1, shift: 0)
    for c in 0..<3 { x.base[c] = 1e7 }
    let expected = Reference.moments(rows: 100, width: 3, values: x.pointer)
    try onEachBuild { build in
      let mean = GuardedFloats(3)
      let variance = GuardedFloats(3)
      Kernels.batchNormStatistics(
        rows: 100, channels: 3, x: x.pointer, mean: mean.base, variance: variance.base)
      for c in 0..<3 {
        #expect(abs(Double(mean.base[c]) / expected.mean[c] - 1) <= 1e-7, "\(build)")
        #expect(abs(Double(variance.base[c]) / expected.variance[c] - 1) <= 1e-7, "\(build)")
      }
    }
  }

  /// A batch normalisation to compare with, column by column.
  private struct Batch {
    let rows, width: Int
    let x, weight, bias, dy: GuardedFloats
    let references: [Reference.Normalized]
    let epsilon: Float = 1e-5

    init(_ rows: Int, _ width: Int, x: GuardedFloats) {
      (self.rows, self.width, self.x) = (rows, width, x)
      let weight = GuardedFloats(random: width, seed: 12)
      let dy = GuardedFloats(random: rows * width, seed: 14)
      references = (0..<width).map { c in
        Reference.normalize(
          (0..<rows).map { Double(x.base[$0 * width + c]) },
          gradient: (0..<rows).map { Double(dy.base[$0 * width + c]) * Double(weight.base[c]) },
          epsilon: 1e-5)
      }
      (self.weight, self.dy) = (weight, dy)
      bias = GuardedFloats(random: width, seed: 13)
    }

    /// Runs `body` in every build with the mean and the variance of the rows.
    func onEachBuild(_ body: (String, GuardedFloats, GuardedFloats) throws -> Void) throws {
      try TensorsTests.onEachBuild { build in
        let mean = GuardedFloats(width)
        let variance = GuardedFloats(width)
        Kernels.batchNormStatistics(
          rows: rows, channels: width, x: x.pointer, mean: mean.base, variance: variance.base)
        try body(build, mean, variance)
      }
    }
  }

  @Test("Batch normalisation equals the reference in every build", arguments: extents)
  func batch(rows: Int, width: Int) throws {
    let c = Batch(rows, width, x: values(rows, width, scale: 2, shift: 0.5))
    try c.onEachBuild { build, mean, variance in
      for relu in [false, true] {
        let y = GuardedFloats(rows * width)
        Kernels.batchNormApply(
          rows: rows, channels: width, x: c.x.pointer, mean: mean.pointer,
          variance: variance.pointer, epsilon: c.epsilon, weight: c.weight.pointer,
          bias: c.bias.pointer, relu: relu, y: y.base)
        for index in 0..<rows * width {
          let hat = c.references[index % width].hat[index / width]
          let weight = Double(c.weight.base[index % width])
          let plain = hat * weight + Double(c.bias.base[index % width])
          let wanted = relu ? max(0, plain) : plain
          #expect(abs(Double(y.base[index]) - wanted) <= 4e-6, "\(build) \(index)")
        }
      }
    }
  }

  @Test("Batch normalisation's gradients equal the reference in every build", arguments: extents)
  func batchGradients(rows: Int, width: Int) throws {
    let c = Batch(rows, width, x: values(rows, width, scale: 2, shift: 0.5))
    try c.onEachBuild { build, mean, variance in
      let dx = GuardedFloats(rows * width)
      dx.base.update(from: c.dy.base, count: rows * width)
      let dWeight = GuardedFloats(width)
      let dBias = GuardedFloats(width)
      Kernels.batchNormBackward(
        rows: rows, channels: width, x: c.x.pointer, mean: mean.pointer,
        variance: variance.pointer, epsilon: c.epsilon, weight: c.weight.pointer, dy: dx.pointer,
        dx: dx.base, dWeight: dWeight.base, dBias: dBias.base)
      for column in 0..<width {
        let reference = c.references[column]
        let gradients = (0..<rows).map { Double(c.dy.base[$0 * width + column]) }
        let product = zip(gradients, reference.hat).reduce(0) { $0 + $1.0 * $1.1 }
        #expect(abs(Double(dBias.base[column]) - gradients.reduce(0, +)) <= 2e-6, "\(build)")
        #expect(abs(Double(dWeight.base[column]) - product) <= 1e-5, "\(build)")
        for r in 0..<rows {
          let found = Double(dx.base[r * width + column])
          #expect(abs(found - reference.inputGradient[r]) <= 4e-6, "\(build)")
        }
      }
    }
  }

  @Test("The halves that groups use have the bits of the whole, in every build", arguments: extents)
  func batchHalves(rows: Int, width: Int) throws {
    let c = Batch(rows, width, x: values(rows, width, scale: 2, shift: 0.5))
    try c.onEachBuild { build, mean, variance in
      var moments = [Double](repeating: 0, count: 2 * width)
      moments.withUnsafeMutableBufferPointer { buffer in
        guard let base = buffer.baseAddress else { return }
        Kernels.batchNormMoments(
          rows: rows, channels: width, x: c.x.pointer, mean: base, squares: base + width)
      }
      #expect(moments[..<width].map { Float($0) } == mean.array, "\(build)")
      #expect(moments[width...].map { Float($0 / Double(rows)) } == variance.array, "\(build)")
      let whole = (
        dx: GuardedFloats(rows * width), dw: GuardedFloats(width), db: GuardedFloats(width)
      )
      Kernels.batchNormBackward(
        rows: rows, channels: width, x: c.x.pointer, mean: mean.pointer,
        variance: variance.pointer, epsilon: c.epsilon, weight: c.weight.pointer,
        dy: c.dy.pointer, dx: whole.dx.base, dWeight: whole.dw.base, dBias: whole.db.base)
      let half = (
        dx: GuardedFloats(rows * width), dw: GuardedFloats(width), db: GuardedFloats(width)
      )
      var sums = [Double](repeating: 0, count: 2 * width)
      sums.withUnsafeMutableBufferPointer { buffer in
        guard let base = buffer.baseAddress else { return }
        Kernels.batchNormGradientSums(
          rows: rows, channels: width, x: c.x.pointer, mean: mean.pointer,
          variance: variance.pointer, epsilon: c.epsilon, weight: c.weight.pointer,
          dy: c.dy.pointer, sums: base,
          products: base + width, dWeight: half.dw.base, dBias: half.db.base)
        Kernels.batchNormInputGradient(
          rows: rows, ofGroup: rows, channels: width, x: c.x.pointer, mean: mean.pointer,
          variance: variance.pointer, epsilon: c.epsilon, weight: c.weight.pointer, sums: base,
          products: base + width, dy: c.dy.pointer, dx: half.dx.base)
      }
      #expect(half.dx.array == whole.dx.array, "\(build)")
      #expect(half.dw.array == whole.dw.array && half.db.array == whole.db.array, "\(build)")
    }
  }

  @Test(
    "A relu and a sum in the same sweep have the bits of their own, in every build",
    arguments: extents)
  func batchFused(rows: Int, width: Int) throws {
    let count = rows * width
    let c = Batch(rows, width, x: values(rows, width, scale: 2, shift: 0.5))
    let added = GuardedFloats(random: count, seed: 21)
    try c.onEachBuild { build, mean, variance in
      func apply(_ y: GuardedFloats, adding: UnsafePointer<Float>?, relu: Bool) {
        Kernels.batchNormApply(
          rows: rows, channels: width, x: c.x.pointer, mean: mean.pointer,
          variance: variance.pointer, epsilon: c.epsilon, weight: c.weight.pointer,
          bias: c.bias.pointer, adding: adding, relu: relu, y: y.base)
      }
      let (y, sum, both) = (GuardedFloats(count), GuardedFloats(count), GuardedFloats(count))
      apply(y, adding: nil, relu: false)
      apply(sum, adding: added.pointer, relu: false)
      apply(both, adding: added.pointer, relu: true)
      #expect(sum.array == zip(y.array, added.array).map { $0 + $1 }, "\(build)")
      #expect(both.array == sum.array.map { max(0, $0) }, "\(build)")
      let (dy, whole) = (GuardedFloats(count), GuardedFloats(count))
      for index in 0..<count { dy.base[index] = y.base[index] > 0 ? c.dy.base[index] : 0 }
      let (dw, db) = (GuardedFloats(2 * width), GuardedFloats(2 * width))
      Kernels.batchNormBackward(
        rows: rows, channels: width, x: c.x.pointer, mean: mean.pointer,
        variance: variance.pointer, epsilon: c.epsilon, weight: c.weight.pointer,
        dy: dy.pointer, dx: whole.base, dWeight: dw.base, dBias: db.base)
      let fused = GuardedFloats(count)
      Kernels.batchNormBackward(
        rows: rows, channels: width, x: c.x.pointer, mean: mean.pointer,
        variance: variance.pointer, epsilon: c.epsilon, weight: c.weight.pointer,
        rectified: c.bias.pointer, dy: c.dy.pointer, dx: fused.base, dWeight: dw.base + width,
        dBias: db.base + width)
      #expect(fused.array == whole.array, "\(build)")
      #expect(Array(dw.array[..<width]) == Array(dw.array[width...]), "\(build)")
      #expect(Array(db.array[..<width]) == Array(db.array[width...]), "\(build)")
    }
  }

  private func layerReferences(
    _ rows: Int, _ width: Int, _ x: GuardedFloats, _ weight: GuardedFloats, _ dy: GuardedFloats
  ) -> [Reference.Normalized] {
    (0..<rows).map { r in
      Reference.normalize(
        (0..<width).map { Double(x.base[r * width + $0]) },
        gradient: (0..<width).map { Double(dy.base[r * width + $0]) * Double(weight.base[$0]) },
        epsilon: 1e-5)
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
    let references = layerReferences(rows, width, x, weight, dy)
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
      var sums = [(product: Double, total: Double)](repeating: (0, 0), count: width)
      for index in 0..<rows * width {
        let (r, c) = (index / width, index % width)
        let hat = references[r].hat[c]
        let plain = hat * Double(weight.base[c]) + Double(bias.base[c])
        #expect(abs(Double(y.base[index]) - plain) <= 4e-6, "\(build) \(index)")
        #expect(abs(Double(dx.base[index]) - references[r].inputGradient[c]) <= 4e-6, "\(build)")
        sums[c].product += Double(dy.base[index]) * hat
        sums[c].total += Double(dy.base[index])
      }
      for c in 0..<width {
        #expect(abs(Double(dWeight.base[c]) - sums[c].product) <= 2e-5, "\(build)")
        #expect(abs(Double(dBias.base[c]) - sums[c].total) <= 2e-5, "\(build)")
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
