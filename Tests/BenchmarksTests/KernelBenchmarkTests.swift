import Benchmarks
import Testing

@Suite struct KernelBenchmarkTests {
  @Test func everyLayerIsMeasuredInThreeWays() {
    let all = KernelBenchmark.products(rounds: 1)
    let rounded = KernelBenchmark.products(rounds: 1, precision: .bfloat16)
    #expect(rounded.map(\.name) == all.map(\.name))
    #expect(rounded.map(\.operations) == all.map(\.operations))
    #expect(all.count == 3 * KernelBenchmark.layers.count)
    #expect(Set(all.map(\.name)).count == all.count)
    #expect(all.allSatisfy { $0.seconds > 0 && $0.seconds.isFinite && $0.rate.isFinite })
    let first = all.filter { $0.name.hasPrefix("mlp, first layer") }
    #expect(first.map(\.operations) == [102_760_448, 102_760_448, 102_760_448])
  }

  @Test func thePeakIsWorkThatWasDone() {
    let peak = KernelBenchmark.peak(rounds: 2)
    // Twelve vectors of four, eight or sixteen, multiplied and added to 100,000 times.
    #expect([4, 8, 16].contains { Double($0) * 12 * 2 * 100_000 == peak.operations })
    #expect(peak.rate > 1e8 && peak.rate.isFinite)
    let pairs = KernelBenchmark.peak(rounds: 2, precision: .bfloat16)
    #expect(pairs.operations == 2 * peak.operations)
  }
}
