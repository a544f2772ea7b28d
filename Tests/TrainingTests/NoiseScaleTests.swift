import Glibc
import Testing
import Training

/// The gradient noise scale against gradients whose noise is known.
struct NoiseScaleTests {
  /// Normal numbers from uniform ones of a linear congruential generator, by Box and Muller's formula.
  struct Draws {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func uniform() -> Double {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (Double(state >> 11) + 0.5) * 0x1p-53
    }

    mutating func normal() -> Double {
      (-2 * logarithm(uniform())).squareRoot() * cosine(2 * Double.pi * uniform())
    }

    private func logarithm(_ x: Double) -> Double { log(x) }
    private func cosine(_ x: Double) -> Double { cos(x) }
  }

  /// Feeds steps of microbatches whose samples' gradients are `mean` plus noise of `deviation` in each of
  /// `width` coordinates.
  static func estimate(
    mean: Double, deviation: Double, width: Int, samples: [Int], steps: Int
  ) -> Double? {
    let noise = NoiseScale(microbatches: samples.count)
    var draws = Draws(seed: 7)
    let total = Double(samples.reduce(0, +))
    var last: Double?
    for step in 0..<steps {
      noise.begin(step: step * NoiseScale.period, microbatches: samples.count)
      var sum = [Double](repeating: 0, count: width)
      for (index, count) in samples.enumerated() {
        // The mean of `count` samples has the noise of one, divided by the root of `count`.
        let share = Double(count) / total
        let gradient = (0..<width).map { _ in
          (mean + deviation / Double(count).squareRoot() * draws.normal()) * share
        }
        for place in 0..<width { sum[place] += gradient[place] }
        noise.add(index, microbatchSquaredNorm: gradient.reduce(0) { $0 + $1 * $1 })
      }
      let norm = sum.reduce(0) { $0 + $1 * $1 }.squareRoot()
      last = noise.finish(samples: samples, globalNorm: norm)
    }
    return last
  }

  @Test(arguments: [
    (0.1, 1.0, [Int](repeating: 8, count: 8)), (0.05, 2.0, [Int](repeating: 32, count: 4)),
    (0.2, 1.0, [8, 8, 8, 3]),
  ])
  func aKnownNoiseScaleIsFound(mean: Double, deviation: Double, samples: [Int]) throws {
    let known = (deviation / mean) * (deviation / mean)
    let found = try #require(
      Self.estimate(mean: mean, deviation: deviation, width: 4000, samples: samples, steps: 40))
    #expect(abs(found / known - 1) < 0.15, "\(found), known \(known)")
  }

  @Test func onlyEverySoManyStepsMeasure() {
    let noise = NoiseScale(microbatches: 4)
    noise.begin(step: 1, microbatches: 4)
    #expect(noise.pending == nil)
    var asked = 0
    func norm() -> Double {
      asked += 1
      return 1
    }
    noise.add(0, microbatchSquaredNorm: norm())
    #expect(asked == 0)
    noise.begin(step: 0, microbatches: 4)
    noise.add(0, microbatchSquaredNorm: norm())
    #expect(asked == 1 && noise.pending?.count == 4)
    // One microbatch cannot be compared with anything.
    noise.begin(step: 0, microbatches: 1)
    #expect(noise.pending == nil)
  }

  @Test func theSentenceComparesScaleAndBatch() throws {
    let below = try #require(NoiseScale.sentence(4000, global: 256))
    let above = try #require(NoiseScale.sentence(30, global: 256))
    #expect(below.contains("about 4000 samples, batch 256") && below.contains("still save steps"))
    #expect(above.contains("would save few steps"))
    #expect(NoiseScale.sentence(nil, global: 256) == nil)
  }
}
