import Configuration
import Datasets
import Tensors
import Testing

/// Orders of samples are permutations, and plans cover each sample once.
struct SamplerTests {
  @Test func fullOrdersAreBijections() {
    for count in Array(1...130) + [255, 256, 257, 1000, 4097, 60_000] {
      for epoch in [0, 1] {
        let sampler = Sampler(count: count, seed: 5, shuffle: .full)
        let order = Set((0..<count).map { sampler.sample(at: $0, epoch: epoch) })
        #expect(order.count == count && order.min() == 0 && order.max() == count - 1)
      }
    }
  }

  @Test func windowedOrdersAreBijections() {
    for count in [1, 2, 7, 64, 65, 100, 999, 1000, 1001] {
      for (run, window) in [(1, 1), (3, 2), (10, 4), (64, 8), (2000, 8)] {
        let sampler = Sampler(
          count: count, seed: 9, shuffle: .window, runLength: run, window: window)
        let order = Set((0..<count).map { sampler.sample(at: $0, epoch: 3) })
        #expect(order.count == count && order.max() == count - 1, "\(count) \(run) \(window)")
      }
    }
  }

  @Test func manyAtOnceAreThoseOneByOne() {
    for shuffle in [DataConfiguration.Shuffle.full, .window, .none] {
      let sampler = Sampler(count: 1000, seed: 9, shuffle: shuffle, runLength: 10, window: 3)
      var numbers = [Int64](repeating: -1, count: 300)
      numbers.withUnsafeMutableBufferPointer {
        if let base = $0.baseAddress { sampler.samples(at: 700..<1000, epoch: 2, into: base) }
      }
      #expect(numbers == (700..<1000).map { Int64(sampler.sample(at: $0, epoch: 2)) })
    }
  }

  @Test func manyAtOnceAreThoseOneByOneInEveryBuild() throws {
    for build in Kernels.supportedBuilds {
      try Kernels.with(build: build) {
        for count in Array(1...20) + [63, 64, 65, 257, 1025, 5000] {
          let sampler = Sampler(count: count, seed: 3, shuffle: .full)
          for range in [0..<count, count / 3..<count / 2, count - 1..<count] {
            var numbers = [Int64](repeating: -1, count: range.count + 1)
            numbers.withUnsafeMutableBufferPointer {
              if let base = $0.baseAddress { sampler.samples(at: range, epoch: 1, into: base) }
            }
            let wanted = range.map { Int64(sampler.sample(at: $0, epoch: 1)) } + [-1]
            #expect(numbers == wanted, "\(build): \(range) of \(count)")
          }
        }
      }
    }
  }

  @Test func ordersDifferBySeedAndEpoch() {
    func order(_ seed: UInt64, _ epoch: Int, _ count: Int) -> [Int] {
      let sampler = Sampler(count: count, seed: seed, shuffle: .full)
      return (0..<count).map { sampler.sample(at: $0, epoch: epoch) }
    }
    #expect(order(1, 0, 100) == order(1, 0, 100))
    #expect(order(1, 0, 100) != order(1, 1, 100))
    #expect(order(1, 0, 100) != order(2, 0, 100))
    // All 6 orders of 3 samples come about equally often: 1000 each, standard deviation 29.
    var orders: [[Int]: Int] = [:]
    for epoch in 0..<6000 { orders[order(4, epoch, 3), default: 0] += 1 }
    #expect(orders.count == 6)
    for (order, times) in orders { #expect(abs(times - 1000) < 150, "\(order): \(times)") }
  }

  @Test func neighboursPart() {
    // In a random order of 10,000 a sample's successor follows it about once.
    let sampler = Sampler(count: 10_000, seed: 1, shuffle: .full)
    let order = (0..<10_000).map { sampler.sample(at: $0, epoch: 0) }
    let kept = zip(order, order.dropFirst()).filter { $1 == $0 + 1 }.count
    #expect(kept < 10)
    let displacement = order.enumerated().map { abs($0.offset - $0.element) }.reduce(0, +)
    #expect(abs(Double(displacement) / 10_000 - 3333) < 100)
  }

  @Test func stepsOfAnEpochAddUp() {
    for (samples, global) in [(10, 4), (12, 4), (3, 4), (1, 1)] {
      for lastBatch in [TrainConfiguration.LastBatch.keep, .drop] {
        let plan = BatchPlan(samples: samples, global: global, micro: 1, lastBatch: lastBatch)
        for steps in 0...plan.stepsPerEpoch {
          let sum = (0..<steps).reduce(0) { $0 + plan.samples(inStep: $1) }
          #expect(plan.samples(inFirst: steps) == sum)
        }
      }
    }
    // As long an epoch as `samplesPerEpoch` may ask for is not counted step by step.
    let long = BatchPlan(samples: 1 << 40, global: 3, micro: 1, lastBatch: .keep)
    #expect(long.samples(inFirst: long.stepsPerEpoch) == 1 << 40)
  }

  @Test func recordedOrderStays() {
    let sampler = Sampler(count: 10, seed: 7, shuffle: .full)
    let order = (0..<10).map { sampler.sample(at: $0, epoch: 0) }
    let windowed = Sampler(count: 10, seed: 7, shuffle: .window, runLength: 2, window: 2)
    let second = (0..<10).map { windowed.sample(at: $0, epoch: 0) }
    #expect(order == SamplerTests.recordedFull)
    #expect(second == SamplerTests.recordedWindow)
  }

  private static let recordedFull: [Int] = [5, 1, 2, 6, 7, 3, 8, 0, 4, 9]
  private static let recordedWindow: [Int] = [7, 6, 4, 5, 0, 2, 1, 3, 8, 9]

  @Test func plansCoverAnEpochOnce() {
    for (samples, global, micro) in [(100, 32, 8), (100, 30, 8), (7, 32, 4), (96, 32, 32)] {
      let plan = BatchPlan(samples: samples, global: global, micro: micro, lastBatch: .keep)
      var next = 0
      for step in 0..<plan.stepsPerEpoch {
        for microbatch in 0..<plan.microbatchCount(ofStep: step) {
          let range = plan.positions(step: step, microbatch: microbatch)
          #expect(range.lowerBound == next && range.count <= micro && !range.isEmpty)
          next = range.upperBound
        }
      }
      #expect(next == samples)
      let drop = BatchPlan(samples: samples, global: global, micro: micro, lastBatch: .drop)
      #expect(drop.stepsPerEpoch == samples / global)
    }
  }

  @Test func assignmentsHoldTheirShares() {
    let shares = SplitAssignment(seed: 1, rule: .shares(validation: 0.1, test: 0.2))
    let counts = SplitRole.allCases.map { shares.samples(of: $0, among: 10_000).count }
    #expect(counts.reduce(0, +) == 10_000)
    #expect(abs(counts[1] - 1000) < 120 && abs(counts[2] - 2000) < 160)
    let wider = SplitAssignment(seed: 1, rule: .shares(validation: 0.2, test: 0))
    let validation = Set(wider.samples(of: .validation, among: 1000))
    #expect(validation.isSuperset(of: shares.samples(of: .validation, among: 1000)))
  }
}
