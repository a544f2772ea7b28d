import ArgumentParser
import BLAS
import Foundation
import Glibc
import HDF5
import MPI
import Reports
import Tensors
import Training

/// `aimass doctor`.
struct Doctor: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Check this machine or allocation; under mpirun one verdict per node.")

  @Flag(help: "Print one JSON object per node.")
  var json = false

  func run() throws {
    try Ranks.run { world in
      BLAS.start()
      let facts = NodeFacts.gather()
      let all = try world.gatherBytes(Array(JSONText.line(facts.json).utf8), root: 0) ?? []
      var isHealthy = true
      var seen: Set<String> = []
      for bytes in all {
        let text = String(decoding: bytes, as: UTF8.self)
        let value = try JSONText.parse(text)
        isHealthy = isHealthy && value["problems"] == .array([])
        guard seen.insert(value["host"]?.string ?? "").inserted else { continue }
        print(json ? text : Self.text(value))
      }
      if world.rank == 0 && !json {
        print(
          "\(HumanUnits.counted(world.size, "rank")) on \(HumanUnits.counted(seen.count, "node"))")
      }
      let healthy = try world.broadcast(Int32(isHealthy ? 1 : 0), root: 0)
      return healthy == 1 ? .done : .failure
    }
  }

  private static func text(_ value: JSONValue) -> String {
    guard case .object(let members) = value else { return "" }
    var table = TextTable([.init("fact"), .init("value")])
    var problems: [String] = []
    for member in members {
      switch member.value {
      case .text(let text): table.add([member.name, text])
      case .array(let values): problems = values.compactMap(\.string)
      default: table.add([member.name, JSONText.line(member.value)])
      }
    }
    let verdict = problems.isEmpty ? "healthy" : problems.joined(separator: "\n")
    return table.text(indent: 2, heading: false) + "  verdict: \(verdict)\n"
  }
}

/// What matters of one node.
struct NodeFacts {
  var host = ""
  var cores = 0
  var memoryBytes = 0
  var sharedMemoryBytes = 0
  var kernels = ""
  var supportedKernels: [String] = []
  var coreType = ""
  var openBLAS = ""
  var mpi = ""
  var problems: [String] = []

  /// Looks at this node.
  static func gather() -> NodeFacts {
    var facts = NodeFacts()
    facts.host = ProcessInfo.processInfo.hostName
    facts.cores = LocalLauncher.cores
    facts.memoryBytes = Int(ProcessInfo.processInfo.physicalMemory)
    var status = statvfs()
    if statvfs("/dev/shm", &status) == 0 {
      facts.sharedMemoryBytes = Int(status.f_bavail) * Int(status.f_frsize)
    }
    facts.kernels = Kernels.name
    facts.supportedKernels = Kernels.supportedBuilds
    facts.coreType = BLAS.coreType
    facts.openBLAS = BLAS.configuration
    facts.mpi = MPIEnvironment.libraryVersion
    if facts.supportedKernels == ["baseline"] {
      facts.problems.append("the processor has no AVX2: expect a quarter of the speed")
    }
    if Variables["OPENBLAS_NUM_THREADS"] != "1" {
      facts.problems.append("OPENBLAS_NUM_THREADS is not 1: ranks will fight over the cores")
    }
    return facts
  }

  var json: JSONValue {
    [
      "host": .text(host), "cores": .integer(cores), "memory": .text(HumanUnits.bytes(memoryBytes)),
      "free shared memory": .text(HumanUnits.bytes(sharedMemoryBytes)),
      "kernels": .text(kernels),
      "kernels this processor can run": .text(supportedKernels.joined(separator: ", ")),
      "OpenBLAS core type": .text(coreType), "OpenBLAS": .text(openBLAS), "MPI": .text(mpi),
      "problems": .array(problems.map { .text($0) }),
    ]
  }
}
