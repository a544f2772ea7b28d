import ArgumentParser
import Benchmarks
import Reports

/// `aimass benchmark kernels`.
struct BenchmarkKernels: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kernels",
    abstract: "Measure the share of a core's peak that kernels reach.",
    discussion: """
      The peak is what one core multiplies and adds in registers. Times are the thread's own, the best of \
      all rounds. The shapes are those of the models of configs/benchmarks.
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
    let peak = KernelBenchmark.peak(rounds: rounds)
    let all = KernelBenchmark.products(rounds: rounds)
    if json {
      let kernels = all.map { one in
        JSONValue.object([
          .init("kernel", .text(one.name)), .init("operations", .number(one.operations)),
          .init("seconds", .number(one.seconds)),
        ])
      }
      let members: [JSONValue.Member] = [
        .init("peakFlopsPerSecond", .number(peak.rate)), .init("kernels", .array(kernels)),
      ]
      return print(JSONText.line(.object(members)))
    }
    var table = TextTable([
      .init("kernel"), .init("time", .right), .init("GFLOP/s", .right), .init("of peak", .right),
    ])
    for one in all + [peak] {
      table.add([
        one.name, HumanUnits.seconds(one.seconds), HumanUnits.fixed(one.rate / 1e9, digits: 1),
        HumanUnits.percent(one.rate / peak.rate, digits: 0),
      ])
    }
    print(table.text(), terminator: "")
  }
}
