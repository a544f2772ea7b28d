import ArgumentParser
import Benchmarks
import Reports
import Tensors

/// `aimass benchmark kernels`.
struct BenchmarkKernels: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kernels",
    abstract: "Measure the share of a core's peak that kernels reach.",
    discussion: """
      The peak is what one core multiplies and adds in registers, of float32 and of numbers rounded to bfloat16. Times are the thread's own, the best of \
      all rounds. The shapes are those of the models of configs/benchmarks, and common convolutions of 32 samples, whose \
      operations are counted densely: padding that is skipped can lift them above the peak.
      """)

  @Option(help: "How often each kernel is measured.")
  var rounds = 20

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    guard (1...1_000_000).contains(rounds) else {
      throw ValidationError("--rounds takes 1 ... 1000000.")
    }
  }

  func run() throws {
    let float32 = measure(.float32)
    let bfloat16 = measure(.bfloat16)
    if json { return print(JSONText.line(text(float32, bfloat16))) }
    var table = TextTable([
      .init("kernel"), .init("time", .right), .init("GFLOP/s", .right), .init("of peak", .right),
      .init("bfloat16: time", .right), .init("GFLOP/s", .right), .init("of peak", .right),
    ])
    for (one, other) in zip(float32.all + [float32.peak], bfloat16.all + [bfloat16.peak]) {
      table.add([one.name] + columns(one, float32.peak) + columns(other, bfloat16.peak))
    }
    print(table.text(), terminator: "")
  }

  /// The peak and all kernels in one precision.
  private func measure(
    _ precision: Precision
  ) -> (peak: KernelMeasurement, all: [KernelMeasurement]) {
    let all =
      KernelBenchmark.products(rounds: rounds, precision: precision)
      + KernelBenchmark.convolutions(rounds: rounds, precision: precision)
    return (KernelBenchmark.peak(rounds: rounds, precision: precision), all)
  }

  private func columns(_ one: KernelMeasurement, _ peak: KernelMeasurement) -> [String] {
    [
      HumanUnits.seconds(one.seconds), HumanUnits.fixed(one.rate / 1e9, digits: 1),
      HumanUnits.percent(one.rate / peak.rate, digits: 0),
    ]
  }

  private func text(
    _ float32: (peak: KernelMeasurement, all: [KernelMeasurement]),
    _ bfloat16: (peak: KernelMeasurement, all: [KernelMeasurement])
  ) -> JSONValue {
    let kernels = zip(float32.all, bfloat16.all).map { one, other in
      JSONValue.object([
        .init("kernel", .text(one.name)), .init("operations", .number(one.operations)),
        .init("seconds", .number(one.seconds)), .init("bfloat16Seconds", .number(other.seconds)),
      ])
    }
    return .object([
      .init("peakFlopsPerSecond", .number(float32.peak.rate)),
      .init("bfloat16PeakFlopsPerSecond", .number(bfloat16.peak.rate)),
      .init("kernels", .array(kernels)),
    ])
  }
}
