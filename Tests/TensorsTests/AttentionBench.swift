import Tensors

/// Queries, keys and values of packed sequences, with the kernels' results on them.
struct AttentionBench {
  let g: AttentionGeometry
  let queryLengths, keyLengths: [Int]
  let rate: Float
  /// Rows of [query | key | value] where the lengths are the same, so strides exceed widths.
  let queries, keys, values, dy: GuardedFloats
  let sampleNumbers: [Int64]
  static let seed: UInt64 = 0x1_0000_0007
  static let path: UInt32 = 77
  static let step = 5

  init(
    heads: Int, size: Int, causal: Bool, queries: [Int], keys: [Int], rate: Float = 0,
    precision: Precision = .float32
  ) {
    g = AttentionGeometry(heads: heads, size: size, isCausal: causal, precision: precision)
    (queryLengths, keyLengths, self.rate) = (queries, keys, rate)
    let (rows, keyRows) = (queries.reduce(0, +), keys.reduce(0, +))
    self.queries = GuardedFloats(random: rows * g.width, seed: 1)
    self.keys = GuardedFloats(random: keyRows * g.width, seed: 2)
    values = GuardedFloats(random: keyRows * g.width, seed: 3)
    dy = GuardedFloats(random: rows * g.width, seed: 4)
    for index in 0..<self.queries.count { self.queries.base[index] *= 3 }
    for index in 0..<self.keys.count { self.keys.base[index] *= 3 }
    sampleNumbers = queries.indices.map { Int64(40 + 3 * $0) }
  }

  static func offsets(_ lengths: [Int]) -> [Int] {
    lengths.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1) }
  }

  /// Outputs and gradients.
  struct Results {
    var output, queries, keys, values: [Float]
  }

  /// Runs the kernels in memory that ends where the results end.
  func run() -> Results {
    let (output, dq) = (GuardedFloats(queries.count), GuardedFloats(queries.count))
    let (dk, dv) = (GuardedFloats(keys.count), GuardedFloats(keys.count))
    let scratch = GuardedFloats(
      AttentionGeometry.scratchCount(
        queries: queryLengths.max() ?? 0, keys: keyLengths.max() ?? 0, dropout: rate > 0))
    Self.offsets(queryLengths).withUnsafeBufferPointer { queryOffsets in
      Self.offsets(keyLengths).withUnsafeBufferPointer { keyOffsets in
        sampleNumbers.withUnsafeBufferPointer { numbers in
          guard let a = queryOffsets.baseAddress, let b = keyOffsets.baseAddress,
            let numbers = numbers.baseAddress
          else { return }
          let input = AttentionInput(
            queries: queries.pointer, queryStride: g.width, queryOffsets: a, keys: keys.pointer,
            values: values.pointer, keyStride: g.width, keyOffsets: b)
          let random = PassRandom(
            seed: Self.seed, path: Self.path, step: Self.step, sampleNumbers: numbers)
          let dropout = rate > 0 ? (rate: rate, random: random) : nil
          let samples = queryLengths.count
          Kernels.attentionForward(
            g, samples: samples, input, dropout: dropout, output: output.base,
            outputStride: g.width, scratch: scratch.base)
          Kernels.attentionBackward(
            g, samples: samples, input, dropout: dropout, outputGradient: dy.pointer,
            outputStride: g.width,
            gradients: AttentionGradients(queries: dq.base, keys: dk.base, values: dv.base),
            scratch: scratch.base)
        }
      }
    }
    return Results(output: output.array, queries: dq.array, keys: dk.array, values: dv.array)
  }

  /// The same by the reference.
  func reference() -> Results {
    var results = Results(
      output: [Float](repeating: 0, count: queries.count),
      queries: [Float](repeating: 0, count: queries.count),
      keys: [Float](repeating: 0, count: keys.count),
      values: [Float](repeating: 0, count: keys.count))
    let (a, b) = (Self.offsets(queryLengths), Self.offsets(keyLengths))
    for n in queryLengths.indices {
      for head in 0..<g.heads {
        let r = Reference.Attention(
          queries: rows(queries, a[n], queryLengths[n], head),
          keys: rows(keys, b[n], keyLengths[n], head),
          values: rows(values, b[n], keyLengths[n], head), isCausal: g.isCausal,
          outputGradient: rows(dy, a[n], queryLengths[n], head),
          keep: { keep(n, head, $0, $1) })
        store(r.output, a[n], head, &results.output)
        store(r.queryGradient, a[n], head, &results.queries)
        store(r.keyGradient, b[n], head, &results.keys)
        store(r.valueGradient, b[n], head, &results.values)
      }
    }
    return results
  }

  /// The factor of one probability, from the counter that the documentation tells.
  private func keep(_ n: Int, _ head: Int, _ query: Int, _ key: Int) -> Double {
    guard rate > 0 else { return 1 }
    let row = (head * queryLengths[n] + query) * 16 * ((keyLengths[n] + 63) / 64)
    let words = Philox4x32.block(
      counter: (UInt32(row + key / 4), UInt32(sampleNumbers[n]), Self.path, UInt32(Self.step)),
      key: (
        UInt32(truncatingIfNeeded: Self.seed),
        UInt32(Self.seed >> 32) ^ (RandomPurpose.dropout.rawValue &* 0x9E37_79B9)
      ))
    let word = [words.0, words.1, words.2, words.3][key % 4]
    return Double(word) >= (Double(rate) * 0x1p32).rounded(.down) ? 1 / (1 - Double(rate)) : 0
  }

  private func rows(_ m: GuardedFloats, _ first: Int, _ count: Int, _ head: Int) -> [[Double]] {
    (first..<first + count).map { row in
      (0..<g.size).map { Double(m.base[row * g.width + head * g.size + $0]) }
    }
  }

  private func store(_ rows: [[Double]], _ first: Int, _ head: Int, _ m: inout [Float]) {
    for (i, row) in rows.enumerated() {
      for (c, value) in row.enumerated() {
        m[(first + i) * g.width + head * g.size + c] = Float(value)
      }
    }
  }
}
