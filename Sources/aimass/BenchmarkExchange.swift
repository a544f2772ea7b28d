import ArgumentParser
import Benchmarks
import Exchange
import MPI
import Reports
import Training

/// `aimass benchmark exchange`.
struct BenchmarkExchange: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "exchange",
    abstract: "Time the exchange of gradients and weights beside MPI_Allreduce.",
    discussion: """
      Every rank has one gradient; each exchange adds them and brings the sum to every rank as new \
      weights. The two take turns, and medians of the slowest rank are shown. Start it under mpirun.
      """)

  @Option(help: ArgumentHelp("Size of the gradient.", valueName: "mebibytes"))
  var size = 25.0

  @Option(help: ArgumentHelp("Upper bound of a bucket.", valueName: "mebibytes"))
  var bucket = 4.0

  @Option(help: ArgumentHelp("Timed pairs.", valueName: "count"))
  var repeats = 15

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    guard size > 0, size <= 65_536, bucket > 0, repeats >= 1 else {
      throw ValidationError(
        "--size must be in 0 ... 65536, --bucket above 0 and --repeats at least 1.")
    }
  }

  func run() throws {
    try Ranks.run { world in
      let node = try Node(world)
      let mebibyte = Double(1 << 20)
      let speed = try ExchangeBenchmark.run(
        node, bytes: max(4, Int(size * mebibyte) / 4 * 4), bucketBytes: Int(bucket * mebibyte),
        repeats: repeats)
      guard world.rank == 0 else { return .done }
      print(
        json ? JSONText.pretty(["exchange": speed.json]) : Self.text(speed),
        terminator: json ? "" : "\n")
      return .done
    }
  }

  private static func text(_ speed: ExchangeSpeed) -> String {
    func milliseconds(_ seconds: Double) -> String {
      HumanUnits.fixed(1e3 * seconds, digits: 2) + " ms"
    }
    let layout = speed.ranksPerNode.map(String.init).joined(separator: " + ")
    var table = TextTable([.init("what"), .init("value", .right)])
    table.add(["gradient", HumanUnits.bytes(speed.bytes)])
    table.add(["ranks on each node", layout])
    table.add(["exchange", milliseconds(speed.exchangeSeconds)])
    table.add(["MPI_Allreduce", milliseconds(speed.allReduceSeconds)])
    table.add(["the same, storing all weights", milliseconds(speed.allReduceUpdateSeconds)])
    table.add(["exchange / MPI_Allreduce", HumanUnits.fixed(speed.ratio, digits: 2)])
    if let rate = speed.allSendingRate, let bound = speed.boundSeconds {
      table.add(["a node sends, all sending", HumanUnits.bytes(Int(rate)) + "/s"])
      table.add(["2 n (M - 1) / M at that rate", milliseconds(bound)])
      table.add(["exchange / bound", HumanUnits.fixed(speed.exchangeSeconds / bound, digits: 2)])
    }
    table.add(["sent by the first node", HumanUnits.bytes(speed.bytesSentByFirstNode)])
    return table.text(indent: 2, heading: false)
  }
}
