import ArgumentParser
import Benchmarks
import Reports

/// `aimass benchmark convolutions`.
struct BenchmarkConvolutions: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convolutions",
    abstract: "Measure convolutions beside what the multipliers do at best, on one core.",
    discussion: """
      The passes run in turn and the best of each counts. Operations are counted densely, so that shapes \
      which skip taps on padding can pass 100 %.
      """)

  @Option(help: "Samples at a time.")
  var batch = 32

  @Option(help: "How often each pass is computed.")
  var rounds = 50

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    guard (1...1024).contains(batch), (1...1_000_000).contains(rounds) else {
      throw ValidationError("--batch takes 1 ... 1024 and --rounds 1 ... 1000000.")
    }
  }

  func run() throws {
    let most = KernelBenchmark.peak(rounds: rounds)
    let peak = most.operations / most.seconds
    let all = ConvolutionBenchmark.shapes.map {
      ConvolutionBenchmark.measure($0, samples: batch, rounds: rounds)
    }
    if json {
      return print(
        JSONText.line(
          .object([
            .init("peak", .number(peak)), .init("convolutions", .array(all.map(Self.object))),
          ])))
    }
    var table = TextTable([
      .init("shape"), .init("forward", .right), .init("input gradient", .right),
      .init("weight gradient", .right), .init("packing", .right),
    ])
    for one in all {
      let g = one.geometry
      let stride = g.stride[0] == 1 ? "" : ", stride \(g.stride[0])"
      table.add([
        "\(g.height)x\(g.width), \(g.channels) to \(g.outChannels), "
          + "\(g.kernel[0])x\(g.kernel[1])\(stride)",
        HumanUnits.percent(one.operations / one.forward / peak, digits: 0),
        HumanUnits.percent(one.operations / one.inputGradient / peak, digits: 0),
        HumanUnits.percent(one.operations / one.weightGradient / peak, digits: 0),
        HumanUnits.percent(
          one.packing / (one.forward + one.inputGradient + one.weightGradient), digits: 1),
      ])
    }
    print("peak \(HumanUnits.fixed(peak / 1e9, digits: 0)) GFLOP/s, \(batch) samples")
    print(table.text(), terminator: "")
  }

  private static func object(_ one: ConvolutionMeasurement) -> JSONValue {
    let g = one.geometry
    return .object([
      .init("height", .integer(g.height)), .init("width", .integer(g.width)),
      .init("channels", .integer(g.channels)), .init("outputs", .integer(g.outChannels)),
      .init("kernel", .integer(g.kernel[0])), .init("stride", .integer(g.stride[0])),
      .init("batch", .integer(one.samples)), .init("operations", .number(one.operations)),
      .init("forwardSeconds", .number(one.forward)),
      .init("inputGradientSeconds", .number(one.inputGradient)),
      .init("weightGradientSeconds", .number(one.weightGradient)),
      .init("packingSeconds", .number(one.packing)),
    ])
  }
}
