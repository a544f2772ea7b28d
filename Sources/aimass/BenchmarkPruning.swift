import ArgumentParser
import Benchmarks
import MPI
import Reports
import Training

/// `aimass benchmark pruning`.
struct BenchmarkPruning: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pruning",
    abstract: "Time the choice of a mask beside plain sweeps over the weights.",
    discussion: """
      The weights are shared evenly over the ranks, which find the exact threshold together. \
      Medians of the slowest rank are shown. Start it under mpirun.
      """)

  @Option(help: ArgumentHelp("Weights of all ranks together.", valueName: "count"))
  var weights = 100_000_000

  @Option(help: ArgumentHelp("The share that becomes zero.", valueName: "share"))
  var sparsity = 0.9

  @Option(help: ArgumentHelp("How often each is timed.", valueName: "count"))
  var repeats = 9

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    guard weights >= 2, weights <= 1 << 36, repeats >= 1, sparsity > 0, sparsity < 0.999 else {
      throw ValidationError(
        "--weights must be in 2 ... 2^36, --sparsity above 0 and below 0.999, --repeats at least 1."
      )
    }
  }

  func run() throws {
    try Ranks.run { world in
      let speed = try PruningBenchmark.run(
        world, weights: weights, sparsity: sparsity, repeats: repeats)
      guard world.rank == 0 else { return .done }
      print(
        json ? JSONText.pretty(["pruning": speed.json]) : Self.text(speed),
        terminator: json ? "" : "\n")
      return .done
    }
  }

  private static func text(_ speed: PruningSpeed) -> String {
    var table = TextTable([.init("what"), .init("value", .right)])
    table.add(["weights", HumanUnits.count(speed.weights)])
    table.add(["ranks", "\(speed.ranks)"])
    table.add(["one sweep", HumanUnits.seconds(speed.sweepSeconds)])
    table.add(["threshold", HumanUnits.seconds(speed.thresholdSeconds)])
    table.add(["mask", HumanUnits.seconds(speed.choiceSeconds)])
    table.add([
      "threshold / sweep",
      HumanUnits.fixed(speed.thresholdSeconds / max(speed.sweepSeconds, 1e-9), digits: 2),
    ])
    return table.text(indent: 2, heading: false)
  }
}
