import ArgumentParser
import BLAS
import Benchmarks
import Exchange
import Foundation
import HDF5
import MPI
import Reports
import Tensors
import Training

/// `aimass doctor`.
struct Doctor: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Check this machine or allocation; under mpirun one verdict per node.",
    discussion: """
      Alone it looks at this machine with one rank; under mpirun at all nodes, with the ranks that \
      training would have. Ends with 0 if all is healthy, else 70.
      """)

  @Flag(help: "Measure nothing: only look.")
  var quick = false

  @Option(
    help: ArgumentHelp(
      "Also check that all ranks see the data of a run and can write its folder.",
      valueName: "config"), completion: .file(extensions: ["yaml"]))
  var config: String?

  @Option(
    help: ArgumentHelp("The run folder for --config; default runs/NAME.", valueName: "folder"),
    completion: .directory)
  var output: String?

  @Option(
    help: ArgumentHelp(
      "Try instead whether runs can trust the file system of a folder.", valueName: "folder"),
    completion: .directory)
  var storage: String?

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    if output != nil, config == nil { throw ValidationError("--output needs --config.") }
    if storage != nil, quick || config != nil {
      throw ValidationError("--storage stands alone, or with --json.")
    }
  }

  func run() throws {
    if let storage { return try StorageVisit(folder: storage, json: json).run() }
    try Ranks.run { world in
      let allocation = try Allocation(world)
      var facts = RankFacts.ofThisRank(allocation)
      facts.sharingProblem = try Node(world).sharingProblem
      if let config {
        try RunInspection(config: config, output: output).inspect(allocation, into: &facts)
      }
      let placement = try PlacementReport.collect(world)
      let measurement = quick ? nil : try AllocationBenchmark.run(allocation)
      let bytes = try Array(JSONEncoder().encode(facts))
      let all = try world.gatherBytes(bytes, root: 0)
      let isHealthy = try world.agree { () -> Bool in
        guard let all, let placement else { return true }
        let records = try all.map { try JSONDecoder().decode(RankFacts.self, from: Data($0)) }
        return show(records, measurement, placement)
      }
      let verdict = try world.broadcast(Int32(isHealthy ? 1 : 0), root: 0)
      return verdict == 1 ? .done : .failure
    }
  }

  /// Prints the report; whether all is healthy.
  private func show(
    _ facts: [RankFacts], _ measurement: AllocationMeasurement?, _ placement: PlacementReport
  ) -> Bool {
    let misplaced = placement.machines.flatMap { machine in
      machine.verdict.warnings.map { (hosts: machine.hosts, text: $0.description) }
    }
    let report = AllocationReport(
      facts, measurement: measurement, placement: placement.line, misplaced: misplaced)
    let text = json ? JSONText.pretty(report.json(version: Aimass.version)) : report.text
    StandardOutput.write(text)
    return report.isHealthy
  }
}

extension RankFacts {
  /// What this rank sees of its node.
  static func ofThisRank(_ allocation: Allocation) -> RankFacts {
    var facts = RankFacts()
    let rank = allocation.world.rank
    let host = allocation.world.hostName
    let here = RankPlacement.ofThisProcess(rank: rank, host: host)
    facts.rank = rank
    facts.node = allocation.nodeOfRank[rank]
    (facts.host, facts.machine) = (host, here.machine)
    facts.versions = [
      "aimass": Aimass.version, "MPI": MPIEnvironment.libraryVersion, "OpenBLAS": BLAS.version,
      "HDF5": HDF5Library.version,
    ]
    facts.numerics = ["kernels": Kernels.name, "OpenBLAS core type": BLAS.coreType]
    facts.supportedKernels = Kernels.supportedBuilds
    (facts.cores, facts.coreCount) = (here.mask.description, here.mask.count)
    (facts.threads, facts.quota) = (here.threads ?? 1, here.quota)
    let memory = MemoryFacts(limit: ControlGroup.ofThisProcess().memoryBytes)
    (facts.memoryBytes, facts.availableBytes) = (memory.totalBytes, memory.availableBytes)
    facts.interfaces = NetworkInterface.all()
    let names = ["OMPI_MCA_btl_tcp_if_exclude", "OMPI_MCA_btl_tcp_if_include"]
    facts.hasChosenInterfaces = names.contains { Variables[$0] != nil }
    return facts
  }
}
