import ArgumentParser
import Benchmarks
import Reports

/// `aimass benchmark sparse`.
struct BenchmarkSparse: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sparse",
    abstract: "Measure linear layers with and without their zeros, on one core.",
    discussion: """
      Both kinds of products run in turn, on one thread, and the best of each counts. `evaluate` and `predict` leave zeros out where seven weights of ten are zero or more.
      """)

  @Option(help: "Samples at a time.")
  var batch = 64

  @Option(help: "How often each product is computed.")
  var rounds = 200

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    guard (1...65_536).contains(batch), (1...1_000_000).contains(rounds) else {
      throw ValidationError("--batch takes 1 ... 65536 and --rounds 1 ... 1000000.")
    }
  }

  func run() throws {
    let all = SparseBenchmark.run(samples: batch, rounds: rounds)
    if json {
      return print(JSONText.line(.object([.init("layers", .array(all.map(Self.object)))])))
    }
    var table = TextTable([
      .init("layer"), .init("zeros", .right), .init("dense", .right), .init("sparse", .right),
      .init("ratio", .right),
    ])
    for one in all {
      table.add([
        "\(one.inputs) to \(one.outputs), batch \(one.samples)",
        HumanUnits.percent(one.zeros, digits: 0),
        HumanUnits.seconds(one.dense), HumanUnits.seconds(one.sparse),
        HumanUnits.fixed(one.ratio, digits: 1),
      ])
    }
    print(table.text(), terminator: "")
  }

  private static func object(_ one: SparseMeasurement) -> JSONValue {
    .object([
      .init("outputs", .integer(one.outputs)), .init("inputs", .integer(one.inputs)),
      .init("batch", .integer(one.samples)), .init("zeros", .number(one.zeros)),
      .init("denseSeconds", .number(one.dense)), .init("sparseSeconds", .number(one.sparse)),
    ])
  }
}
