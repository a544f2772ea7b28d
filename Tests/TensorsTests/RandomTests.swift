import Glibc
import Tensors
import Testing

@Suite("Counter-based random numbers")
struct RandomTests {
  // Known answers of the Random123 distribution (kat_vectors, philox4x32 with 10 rounds).
  @Test("Philox4x32-10 gives Random123's known answers")
  func knownAnswers() {
    let zero = Philox4x32.block(counter: (0, 0, 0, 0), key: (0, 0))
    #expect(zero == (0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8))
    let ones = Philox4x32.block(counter: (.max, .max, .max, .max), key: (.max, .max))
    #expect(ones == (0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd))
    let pi = Philox4x32.block(
      counter: (0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344),
      key: (0xa409_3822, 0x299f_31d0))
    #expect(pi == (0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1))
  }

  // Published test vectors of FNV-1a, 32 bits (draft-eastlake-fnv, appendix C).
  @Test("Path hashes are FNV-1a")
  func hashes() {
    #expect(pathHash("") == 0x811c_9dc5)
    #expect(pathHash("a") == 0xe40c_292c)
    #expect(pathHash("foobar") == 0xbf9c_f968)
  }

  @Test("Numbers are functions of seed, purpose, stream and index alone")
  func pure() {
    let random = CounterRandom(seed: 7, purpose: .shuffle, stream: 3, substream: 4)
    let again = CounterRandom(seed: 7, purpose: .shuffle, stream: 3, substream: 4)
    #expect(
      (0..<100).reversed().map { random.bits(at: $0) }
        == (0..<100).reversed().map { again.bits(at: $0) })
    let others = [
      CounterRandom(seed: 8, purpose: .shuffle, stream: 3, substream: 4),
      CounterRandom(seed: 7 + 1 << 32, purpose: .shuffle, stream: 3, substream: 4),
      CounterRandom(seed: 7, purpose: .split, stream: 3, substream: 4),
      CounterRandom(seed: 7, purpose: .shuffle, stream: 4, substream: 4),
      CounterRandom(seed: 7, purpose: .shuffle, stream: 3, substream: 5),
    ]
    for other in others {
      #expect((0..<8).map { other.bits(at: $0) } != (0..<8).map { random.bits(at: $0) })
    }
  }

  @Test("Uniform and normal numbers have the moments of their distributions")
  func moments() {
    let random = CounterRandom(seed: 1, purpose: .initialization)
    let count = 100_000
    let uniform = (0..<count).map { Double(random.uniform(at: $0)) }
    #expect(uniform.allSatisfy { $0 >= 0 && $0 < 1 })
    // Five standard errors of the mean and of the second moment.
    #expect(
      abs(uniform.reduce(0, +) / Double(count) - 0.5) < 5 * 0.289 / Double(count).squareRoot())
    let normal = (0..<count).map { Double(random.normal(at: $0)) }
    let mean = normal.reduce(0, +) / Double(count)
    let second = normal.reduce(0) { $0 + $1 * $1 } / Double(count)
    let fourth = normal.reduce(0) { $0 + $1 * $1 * $1 * $1 } / Double(count)
    #expect(abs(mean) < 5 / Double(count).squareRoot())
    #expect(abs(second - 1) < 5 * 2.0.squareRoot() / Double(count).squareRoot())
    #expect(abs(fourth - 3) < 5 * 96.0.squareRoot() / Double(count).squareRoot())
  }

  @Test(
    "Dropout equals its definition by Philox in every build", arguments: [1, 3, 4, 16, 37, 130])
  func dropout(width: Int) throws {
    let numbers: [Int64] = [5, 1_000_000, 0]
    let seed: UInt64 = 0x1234_5678_9abc_def0
    let x = GuardedFloats(width * 3, value: 2)
    try onEachBuild { build in
      let y = GuardedFloats(width * 3)
      Kernels.dropout(
        samples: 3, width: width, rate: 0.3, seed: seed, path: pathHash("a.b"), step: 9,
        sampleNumbers: numbers, input: x.pointer, output: y.base)
      let purpose = RandomPurpose.dropout.rawValue &* 0x9E37_79B9
      let key = (UInt32(truncatingIfNeeded: seed), UInt32(seed >> 32) ^ purpose)
      for n in 0..<3 {
        for i in 0..<width {
          let words = Philox4x32.block(
            counter: (UInt32(i / 4), UInt32(numbers[n]), pathHash("a.b"), 9), key: key)
          let word = [words.0, words.1, words.2, words.3][i % 4]
          let lives = Double(word) >= (Double(Float(0.3)) * 0x1p32).rounded(.down)
          let wanted = lives ? 2 * (1 / (1 - Float(0.3))) : 0
          #expect(y.base[n * width + i] == wanted, "\(build) \(n) \(i)")
        }
      }
    }
  }

  @Test("Dropout of rate r zeroes about r of the numbers, and rate 0 none")
  func rate() {
    let count = 40_000
    let x = [Float](repeating: 1, count: count)
    var y = x
    for rate in [Float(0), 0.1, 0.5, 0.9] {
      Kernels.dropout(
        samples: 1, width: count, rate: rate, seed: 3, path: 1, step: 2, sampleNumbers: [4],
        input: x, output: &y)
      let zeros = Double(y.count { $0 == 0 }) / Double(count)
      let deviation = Double(rate * (1 - rate)).squareRoot() / Double(count).squareRoot()
      #expect(abs(zeros - Double(rate)) <= 5 * deviation)
    }
  }
}
