import Tensors
import Testing

/// Runs kernels alone and on teams of several sizes, and compares bits in every build.
private func expectSameBits(_ note: Comment, _ compute: () throws -> [[Float]]) throws {
  try onEachBuild { build in
    let alone = try compute().map { $0.map(\.bitPattern) }
    for threads in [1, 2, 3, 5] {
      let shared = try Kernels.with(threads: threads, cores: 0, leastWork: 1, compute)
      #expect(shared.map { $0.map(\.bitPattern) } == alone, "\(note), \(build), \(threads) threads")
    }
  }
}

/// New floats, filled by `body`.
private func filled(_ count: Int, _ body: (Floats) -> Void) -> [Float] {
  let floats = GuardedFloats(count)
  body(floats.base)
  return floats.array
}

/// The first promise inside a rank: the same bits on any number of threads.
@Suite("Kernels on several threads")
struct SplitTests {
  @Test("Convolutions", arguments: 1...40, Precision.allCases)
  func convolutions(seed: Int, precision: Precision) throws {
    let c = ConvolutionCase(seed: seed)
    let g = ConvolutionGeometry(
      height: c.g.height, width: c.g.width, channels: c.g.channels, outChannels: c.g.outChannels,
      kernel: c.g.kernel, stride: c.g.stride, padding: c.g.padding, dilation: c.g.dilation,
      groups: c.g.groups, precision: precision)
    let (packed, transposed) = (
      GuardedFloats(g.packedCount), GuardedFloats(g.packedTransposedCount)
    )
    try expectSameBits("\(g) of \(c.samples)") {
      Kernels.packConvolution(g, c.weights.pointer, into: packed.base)
      Kernels.packConvolutionTransposed(g, c.weights.pointer, into: transposed.base)
      let bias = GuardedFloats(g.outChannels)
      return [
        filled(c.gradient.count) {
          Kernels.convolutionForward(
            g, samples: c.samples, c.input.pointer, packed: packed.pointer,
            bias: c.bias.pointer, $0)
        },
        filled(c.input.count) {
          Kernels.convolutionInputGradient(
            g, samples: c.samples, c.gradient.pointer, packedTransposed: transposed.pointer, $0)
        },
        filled(c.weights.count) {
          Kernels.convolutionWeightGradient(
            g, samples: c.samples, c.input.pointer, c.gradient.pointer, weightGradient: $0,
            biasGradient: bias.base)
        }, bias.array,
      ]
    }
  }

  @Test("Products", arguments: 1...40, Precision.allCases)
  func products(seed: Int, precision: Precision) throws {
    var draws = Draws(seed: UInt64(seed))
    let (rows, inner) = (draws.element([1, 2, 13, 40, 230]), draws.element([1, 5, 64, 300]))
    let columns = draws.element([1, 10, 32, 33, 96, 530])
    let (first, second) = (draws.integer(0...1) == 1, draws.integer(0...1) == 1)
    let a = GuardedFloats(random: rows * inner, seed: 1)
    let b = GuardedFloats(random: inner * columns, seed: 2)
    let bias = draws.integer(0...1) == 1 ? GuardedFloats(random: columns, seed: 3) : nil
    let packed = GuardedFloats(Kernels.packedCount(inner: inner, columns: columns))
    try expectSameBits("\(rows) x \(inner) x \(columns)") {
      Kernels.packMatrix(
        precision: precision, inner: inner, columns: columns, b.pointer,
        innerStride: second ? 1 : columns,
        columnStride: second ? inner : 1, into: packed.base)
      return [
        filled(rows * columns) {
          Kernels.product(
            precision: precision, transposeA: first, transposeB: second, rows: rows,
            columns: columns, inner: inner,
            factor: 0.5, a.pointer, first ? rows : inner, b.pointer, second ? inner : columns,
            bias: bias?.pointer, $0, columns)
        },
        filled(rows * columns) {
          Kernels.packedProduct(
            precision: precision, rows: rows, inner: inner, columns: columns, a.pointer,
            stride: inner,
            packed: packed.pointer, $0, stride: columns)
        },
      ]
    }
  }

  @Test("Sums over rows, and rows taken and multiplied", arguments: [1, 63, 64, 65, 700])
  func rows(rows: Int) throws {
    let width = 18
    let x = GuardedFloats(random: rows * width, seed: 1)
    let dy = GuardedFloats(random: rows * width, seed: 2)
    let ids = (0..<rows).map { Int64($0 * 7 % 11) }
    let table = GuardedFloats(random: 11 * width, seed: 3)
    try expectSameBits("\(rows) rows") {
      let bias = GuardedFloats(width)
      let weight = filled(width * width) {
        Kernels.linearWeightGradient(
          samples: rows, inputs: width, outputs: width, x: x.pointer, dy: dy.pointer,
          weightGradient: $0, biasGradient: bias.base)
      }
      return [
        weight, bias.array,
        filled(rows * width) {
          Kernels.embeddingForward(
            rows: rows, size: width, ids: ids, table: table.pointer, output: $0, stride: width)
        },
        filled(rows) {
          Kernels.rowDots(rows: rows, half: width / 2, factors: 8, x: x.pointer, y: $0)
        },
        filled(rows * width) {
          Kernels.fill(count: rows * width, value: 0, output: $0)
          Kernels.rowDotsGradient(
            rows: rows, half: width / 2, factors: 8, x: x.pointer, dy: dy.pointer, dx: $0)
        },
        filled(rows * width) {
          Kernels.softmax(samples: rows, classes: width, logits: x.pointer, probabilities: $0)
        },
      ]
    }
  }

  @Test("Element by element", arguments: [1, 15, 16, 17, 100, 1000])
  func elements(count: Int) throws {
    let (x, y) = (GuardedFloats(random: count, seed: 1), GuardedFloats(random: count, seed: 2))
    let functions: [Kernels.ElementwiseFunction] = [
      .relu, .gelu, .tanh, .sigmoid, .leakyRelu(slope: 0.1),
    ]
    try expectSameBits("\(count) numbers") {
      functions.flatMap { f in
        let output = filled(count) {
          Kernels.activate(f, count: count, input: x.pointer, output: $0)
        }
        return [
          output,
          filled(count) {
            Kernels.activateGradient(
              f, count: count, input: x.pointer, output: output, outputGradient: y.pointer,
              inputGradient: $0)
          },
        ]
      } + [
        filled(count) { Kernels.add(count: count, a: x.pointer, b: y.pointer, output: $0) },
        filled(count) {
          Kernels.copy(count: count, source: x.pointer, destination: $0)
          Kernels.addInto(count: count, source: y.pointer, destination: $0)
          Kernels.scale(count: count, factor: 0.3, values: $0)
        },
        filled(2 * count) {
          Kernels.fill(count: 2 * count, value: 1, output: $0)
          Kernels.copyColumns(
            rows: count, width: 1, source: x.pointer, sourceStride: 1, destination: $0,
            destinationStride: 2)
          Kernels.addColumns(
            rows: count, width: 1, source: y.pointer, sourceStride: 1, destination: $0,
            destinationStride: 2)
        },
      ]
    }
  }

  @Test("Normalisation", arguments: [(1, 3), (7, 16), (100, 40), (3000, 16), (700, 70)])
  func normalisation(rows: Int, channels: Int) throws {
    let x = GuardedFloats(random: rows * channels, seed: 1)
    let dy = GuardedFloats(random: rows * channels, seed: 2)
    let weight = GuardedFloats(random: channels, seed: 3)
    try expectSameBits("\(rows) rows of \(channels)") {
      let (mean, variance) = (GuardedFloats(channels), GuardedFloats(channels))
      let (dw, db) = (GuardedFloats(channels), GuardedFloats(channels))
      Kernels.batchNormStatistics(
        rows: rows, channels: channels, x: x.pointer, mean: mean.base, variance: variance.base)
      let y = filled(x.count) {
        Kernels.batchNormApply(
          rows: rows, channels: channels, x: x.pointer, mean: mean.pointer,
          variance: variance.pointer, epsilon: 1e-5, weight: weight.pointer, bias: weight.pointer,
          adding: dy.pointer, relu: true, y: $0)
      }
      let dx = filled(x.count) {
        Kernels.batchNormBackward(
          rows: rows, channels: channels, x: x.pointer, mean: mean.pointer,
          variance: variance.pointer, epsilon: 1e-5, weight: weight.pointer,
          rectified: weight.pointer, dy: dy.pointer, dx: $0, dWeight: dw.base, dBias: db.base)
      }
      return [mean.array, variance.array, y, dx, dw.array, db.array]
    }
    try expectSameBits("\(rows) rows of \(channels) each") {
      let (mean, inverse) = (GuardedFloats(rows), GuardedFloats(rows))
      let (dw, db) = (GuardedFloats(channels), GuardedFloats(channels))
      let y = filled(x.count) {
        Kernels.layerNormForward(
          rows: rows, width: channels, x: x.pointer, epsilon: 1e-5, weight: weight.pointer,
          bias: weight.pointer, y: $0, mean: mean.base, inverseDeviation: inverse.base)
      }
      let dx = filled(x.count) {
        Kernels.layerNormBackward(
          rows: rows, width: channels, x: x.pointer, mean: mean.pointer,
          inverseDeviation: inverse.pointer, weight: weight.pointer, dy: dy.pointer, dx: $0,
          dWeight: dw.base, dBias: db.base)
      }
      return [mean.array, inverse.array, y, dx, dw.array, db.array]
    }
  }

  @Test("Pooling and dropout", arguments: [1, 2, 7])
  func pooling(samples: Int) throws {
    let g = PoolGeometry(
      height: 7, width: 6, channels: 18, size: [3, 2], stride: [2, 2], padding: [1, 0])
    let (image, pooled) = (7 * 6 * 18, g.outHeight * g.outWidth * 18)
    let x = GuardedFloats(random: samples * image, seed: 1)
    let dy = GuardedFloats(random: samples * pooled, seed: 2)
    let numbers = (0..<samples).map { Int64($0 + 3) }
    var winners = [Int32](repeating: 0, count: samples * pooled)
    try expectSameBits("\(samples) pictures") {
      [
        filled(dy.count) {
          Kernels.maxPoolForward(g, samples: samples, x: x.pointer, y: $0, winners: &winners)
        },
        filled(x.count) {
          Kernels.maxPoolBackward(g, samples: samples, dy: dy.pointer, winners: winners, dx: $0)
        },
        filled(dy.count) { Kernels.averagePoolForward(g, samples: samples, x: x.pointer, y: $0) },
        filled(x.count) {
          Kernels.averagePoolBackward(g, samples: samples, dy: dy.pointer, dx: $0)
        },
        filled(samples * 18) {
          Kernels.globalAverageForward(
            samples: samples, positions: 42, channels: 18, x: x.pointer, y: $0)
        },
        filled(x.count) {
          Kernels.globalAverageBackward(
            samples: samples, positions: 42, channels: 18, dy: dy.pointer, dx: $0)
        },
        filled(x.count) {
          Kernels.dropout(
            samples: samples, width: image, rate: 0.4, seed: 5, path: 6, step: 7,
            sampleNumbers: numbers, input: x.pointer, output: $0)
        },
      ]
    }
  }

  @Test("Attention", arguments: AttentionTests.benches.indices)
  func attention(index: Int) throws {
    let bench = AttentionTests.benches[index]
    try expectSameBits("case \(index)") {
      let found = bench.run()
      return [found.output, found.queries, found.keys, found.values]
    }
  }

  @Test("Recurrent layers", arguments: Recurrence.Cell.allCases, [3, 40])
  func recurrence(cell: Recurrence.Cell, hidden: Int) throws {
    let bench = RecurrentBench(
      Recurrence(cell: cell, inputs: 5, hidden: hidden), lengths: [2, 0, 9, 1, 5, 9, 7])
    let x = GuardedFloats(random: bench.rows * 5, seed: 5)
    let dy = GuardedFloats(random: bench.rows * hidden, seed: 6)
    try expectSameBits("\(cell) of \(hidden)") {
      let (y, dx) = (GuardedFloats(dy.count), GuardedFloats(x.count))
      bench.forward(x.pointer, reversed: true, output: y.base, stride: hidden)
      bench.backward(
        x.pointer, reversed: true, output: y.pointer, outputGradient: dy.pointer, stride: hidden,
        inputGradient: dx.base)
      return [
        y.array, dx.array, bench.inputGradients.array, bench.hiddenGradients.array,
        bench.inputBiasGradients.array, bench.hiddenBiasGradients.array,
      ]
    }
  }

  @Test("Packed sequences", arguments: [1, 35])
  func sequences(channels: Int) throws {
    let (samples, offsets, rows) = (
      SequenceTests.samples, SequenceTests.offsets, SequenceTests.rows
    )
    let x = GuardedFloats(random: rows * channels, seed: 1)
    let query = GuardedFloats(random: channels, seed: 2)
    let positions = GuardedFloats(random: 70 * channels, seed: 3)
    let numbers = (0..<samples).map { Int64($0 * 5) }
    try expectSameBits("\(channels) channels") {
      let p = GuardedFloats(rows)
      return [
        filled(samples * channels) {
          Kernels.attentionPoolForward(
            samples: samples, offsets: offsets, channels: channels, x: x.pointer,
            query: query.pointer, probabilities: p.base, y: $0)
        }, p.array,
        filled(x.count) {
          Kernels.addPositions(
            samples: samples, offsets: offsets, channels: channels, x: x.pointer,
            positions: positions.pointer, y: $0)
        },
        filled(x.count) { y in
          numbers.withUnsafeBufferPointer {
            guard let numbers = $0.baseAddress else { return }
            Kernels.dropSteps(
              samples: samples, offsets: offsets, channels: channels, rate: 0.3,
              random: PassRandom(seed: 1, path: 2, step: 3, sampleNumbers: numbers),
              input: x.pointer, output: y)
          }
        },
      ]
    }
  }
}
