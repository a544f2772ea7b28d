import ArgumentParser
import Benchmarks
import MPI
import Reports
import Training

/// `aimass benchmark`.
struct Benchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure what this machine or allocation can do.",
    subcommands: [
      BenchmarkNode.self, BenchmarkModel.self, BenchmarkInput.self, BenchmarkExchange.self,
      BenchmarkSparse.self, BenchmarkPruning.self, BenchmarkKernels.self, BenchmarkCheckpoint.self,
    ])
}

/// `aimass benchmark node`.
struct BenchmarkNode: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "node",
    abstract: "Measure cores, memory, links and sums of all ranks.",
    discussion: """
      Alone it measures one core; under mpirun all ranks at once, as training uses them. \
      `aimass plan --measure` reads what --json prints.
      """)

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    try Ranks.run { world in
      let allocation = try Allocation(world)
      let names = try world.gatherBytes(Array(world.hostName.utf8), root: 0)
      let measurement = try AllocationBenchmark.run(allocation)
      guard let measurement, let names else { return .done }
      if json {
        print(JSONText.pretty(["measurement": measurement.json]), terminator: "")
      } else {
        let hosts = (0..<allocation.nodes).map { node in
          let rank = allocation.nodeOfRank.firstIndex(of: node) ?? 0
          return String(decoding: names[rank], as: UTF8.self)
        }
        print(measurement.text(hosts: hosts), terminator: "")
      }
      return .done
    }
  }
}
