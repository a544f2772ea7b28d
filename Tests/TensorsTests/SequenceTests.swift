import Glibc
import Tensors
import Testing

/// Kernels over packed sequences: pooling, positions, dropped steps.
@Suite("Packed sequences")
struct SequenceTests {
  static let lengths = [5, 0, 1, 70, 3, 0]
  static let widths = [1, 3, 16, 35]
  static let offsets = AttentionBench.offsets(lengths)
  static let rows = offsets[lengths.count]
  static let samples = lengths.count

  /// Column c of the steps of sample n.
  private func column(_ x: GuardedFloats, _ n: Int, _ c: Int, _ channels: Int) -> [Double] {
    (Self.offsets[n]..<Self.offsets[n + 1]).map { Double(x.base[$0 * channels + c]) }
  }

  @Test("Mean, last and their gradients equal the definition in every build", arguments: widths)
  func meanAndLast(channels: Int) throws {
    let x = GuardedFloats(random: Self.rows * channels, seed: 1)
    let dy = GuardedFloats(random: Self.samples * channels, seed: 2)
    try onEachBuild { build in
      let (y, last) = (GuardedFloats(dy.count), GuardedFloats(dy.count))
      let (dx, dLast) = (GuardedFloats(x.count), GuardedFloats(x.count))
      Kernels.meanOverSteps(
        samples: Self.samples, offsets: Self.offsets, channels: channels, x: x.pointer, y: y.base)
      Kernels.meanOverStepsBackward(
        samples: Self.samples, offsets: Self.offsets, channels: channels, dy: dy.pointer,
        dx: dx.base)
      Kernels.lastStep(
        samples: Self.samples, offsets: Self.offsets, channels: channels, x: x.pointer,
        y: last.base)
      Kernels.lastStepBackward(
        samples: Self.samples, offsets: Self.offsets, channels: channels, dy: dy.pointer,
        dx: dLast.base)
      for n in 0..<Self.samples {
        for c in 0..<channels {
          let values = column(x, n, c, channels)
          let mean = values.reduce(0, +) / Double(max(values.count, 1))
          #expect(abs(Double(y.base[n * channels + c]) - mean) <= 1e-6, "\(build)")
          #expect(Double(last.base[n * channels + c]) == values.last ?? 0, "\(build)")
          let g = Double(dy.base[n * channels + c])
          let spread = column(dx, n, c, channels)
          #expect(spread.allSatisfy { abs($0 - g / Double(values.count)) <= 1e-7 }, "\(build)")
          let ends = column(dLast, n, c, channels)
          #expect(ends == ends.indices.map { $0 == ends.count - 1 ? g : 0 }, "\(build)")
        }
      }
    }
  }

  @Test("Maxima and their gradients equal the definition in every build", arguments: widths)
  func maxima(channels: Int) throws {
    let x = GuardedFloats(random: Self.rows * channels, seed: 3)
    // Few distinct values, so that maxima tie; all negative, so that zero would win.
    for index in 0..<x.count { x.base[index] = (x.base[index] * 4).rounded() - 9 }
    let dy = GuardedFloats(random: Self.samples * channels, seed: 4)
    try onEachBuild { build in
      let (y, dx) = (GuardedFloats(dy.count), GuardedFloats(x.count))
      var winners = [Int32](repeating: -1, count: dy.count)
      Kernels.maxOverSteps(
        samples: Self.samples, offsets: Self.offsets, channels: channels, x: x.pointer, y: y.base,
        winners: &winners)
      Kernels.maxOverStepsBackward(
        samples: Self.samples, offsets: Self.offsets, channels: channels, dy: dy.pointer,
        winners: winners, dx: dx.base)
      for n in 0..<Self.samples {
        for c in 0..<channels {
          let values = column(x, n, c, channels)
          #expect(Double(y.base[n * channels + c]) == values.max() ?? 0, "\(build)")
          let first = values.firstIndex(of: values.max() ?? 0)
          let g = Double(dy.base[n * channels + c])
          let expected = values.indices.map { $0 == first ? g : 0 }
          #expect(column(dx, n, c, channels) == expected, "\(build)")
        }
      }
    }
  }

  @Test(
    "Attention pooling and its gradients equal the definition in every build", arguments: widths)
  func attention(channels: Int) throws {
    let x = GuardedFloats(random: Self.rows * channels, seed: 5)
    let query = GuardedFloats(random: channels, seed: 6)
    for c in 0..<channels { query.base[c] *= 5 }
    let dy = GuardedFloats(random: Self.samples * channels, seed: 7)
    let w = query.array.map(Double.init)
    try onEachBuild { build in
      let (y, p) = (GuardedFloats(dy.count), GuardedFloats(Self.rows))
      let (dx, dw, s) = (GuardedFloats(x.count), GuardedFloats(channels), GuardedFloats(Self.rows))
      Kernels.attentionPoolForward(
        samples: Self.samples, offsets: Self.offsets, channels: channels, x: x.pointer,
        query: query.pointer, probabilities: p.base, y: y.base)
      Kernels.attentionPoolBackward(
        samples: Self.samples, offsets: Self.offsets, channels: channels, x: x.pointer,
        query: query.pointer, probabilities: p.pointer, dy: dy.pointer, scratch: s.base,
        dx: dx.base, dQuery: dw.base)
      var queryGradient = [Double](repeating: 0, count: channels)
      for n in 0..<Self.samples {
        let steps = (Self.offsets[n]..<Self.offsets[n + 1]).map { row in
          (0..<channels).map { Double(x.base[row * channels + $0]) }
        }
        let g = (0..<channels).map { Double(dy.base[n * channels + $0]) }
        // One query, scaled so that the reference's 1 / √C drops out; values are the keys.
        let scaled = w.map { $0 * Double(channels).squareRoot() }
        let r = Reference.Attention(
          queries: [scaled], keys: steps, values: steps, isCausal: false, outputGradient: [g])
        for c in 0..<channels {
          #expect(abs(Double(y.base[n * channels + c]) - r.output[0][c]) <= 2e-6, "\(build)")
          queryGradient[c] += r.queryGradient[0][c] * Double(channels).squareRoot()
          for t in steps.indices {
            let found = Double(dx.base[(Self.offsets[n] + t) * channels + c])
            let expected = r.keyGradient[t][c] + r.valueGradient[t][c]
            #expect(abs(found - expected) <= 1e-5, "\(build) \(n) \(t)")
          }
        }
      }
      for c in 0..<channels {
        #expect(abs(Double(dw.base[c]) - queryGradient[c]) <= 2e-5, "\(build)")
      }
    }
  }

  @Test("Positions are added by step and their gradients summed over sequences, in every build")
  func positions() throws {
    let (channels, length) = (5, 75)
    let x = GuardedFloats(random: Self.rows * channels, seed: 8)
    let positions = GuardedFloats(length * channels)
    Kernels.sinusoidalPositions(length: length, channels: channels, output: positions.base)
    for t in 0..<length {
      for c in 0..<channels {
        let angle = Double(t) / pow(10_000, Double(c / 2 * 2) / 5)
        let expected = c % 2 == 0 ? sin(angle) : cos(angle)
        #expect(abs(Double(positions.base[t * channels + c]) - expected) <= 1e-7)
      }
    }
    try onEachBuild { build in
      let (y, gradient) = (GuardedFloats(x.count), GuardedFloats(length * channels))
      Kernels.addPositions(
        samples: Self.samples, offsets: Self.offsets, channels: channels, x: x.pointer,
        positions: positions.pointer, y: y.base)
      Kernels.addPositionsBackward(
        samples: Self.samples, offsets: Self.offsets, channels: channels, length: length,
        dy: x.pointer, dPositions: gradient.base)
      var sums = [Float](repeating: 0, count: length * channels)
      for n in 0..<Self.samples {
        for index in 0..<Self.lengths[n] * channels {
          let place = Self.offsets[n] * channels + index
          #expect(y.base[place] == x.base[place] + positions.base[index], "\(build)")
          sums[index] += x.base[place]
        }
      }
      #expect(gradient.array == sums, "\(build)")
    }
  }

  @Test("Whole steps are dropped as elements of an unpacked row would be, in every build")
  func droppedSteps() throws {
    let channels = 3
    let x = GuardedFloats(random: Self.rows * channels, seed: 9)
    let numbers = (0..<Self.samples).map { Int64($0 * 7) }
    try numbers.withUnsafeBufferPointer { buffer in
      let base = try #require(buffer.baseAddress)
      let random = PassRandom(seed: 5, path: 6, step: 7, sampleNumbers: base)
      try onEachBuild { build in
        let y = GuardedFloats(x.count)
        Kernels.dropSteps(
          samples: Self.samples, offsets: Self.offsets, channels: channels, rate: 0.4,
          random: random, input: x.pointer, output: y.base)
        for n in 0..<Self.samples {
          let ones = [Float](repeating: 1, count: Self.lengths[n])
          var kept = ones
          Kernels.dropout(
            samples: 1, width: ones.count, rate: 0.4, seed: 5, path: 6, step: 7,
            sampleNumbers: base + n, input: ones, output: &kept)
          for index in 0..<ones.count * channels {
            let place = Self.offsets[n] * channels + index
            #expect(y.base[place] == x.base[place] * kept[index / channels], "\(build)")
          }
        }
        let dropped = y.array.filter { $0 == 0 }.count
        #expect(dropped > 0 && dropped < x.count)
      }
    }
  }
}
