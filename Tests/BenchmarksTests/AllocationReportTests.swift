import Benchmarks
import Reports
import Testing

/// The verdict on nodes, from what ranks saw and measured.
struct AllocationReportTests {
  /// Ranks of healthy, equal nodes, `node1` first.
  static func facts(nodes: Int, ranksPerNode: Int = 2) -> [RankFacts] {
    (0..<nodes * ranksPerNode).map { rank in
      var facts = RankFacts()
      facts.rank = rank
      facts.node = rank / ranksPerNode
      facts.host = "node\(facts.node + 1)"
      facts.machine = "boot\(facts.node)"
      facts.versions = ["MPI": "4.1.4", "aimass": "1"]
      facts.numerics = ["kernels": "v4"]
      facts.supportedKernels = ["v4", "v3", "baseline"]
      (facts.cores, facts.coreCount) = ("\(rank % ranksPerNode)", 1)
      (facts.memoryBytes, facts.availableBytes) = (64 << 30, 60 << 30)
      facts.interfaces = [
        NetworkInterface(name: "lo", addresses: ["127.0.0.1"], isLoopback: true),
        NetworkInterface(name: "eth0", addresses: ["10.0.0.\(facts.node + 1)"]),
      ]
      return facts
    }
  }

  static func report(
    _ facts: [RankFacts], _ measured: AllocationMeasurement? = nil,
    misplaced: [(hosts: [String], text: String)] = []
  ) -> AllocationReport {
    AllocationReport(facts, measurement: measured, placement: "placement", misplaced: misplaced)
  }

  @Test(arguments: [1, 2, 5])
  func healthyNodesAreHealthy(nodes: Int) {
    let report = Self.report(
      Self.facts(nodes: nodes), MeasurementTests.measurement(nodes: nodes, ranksPerNode: 2))
    #expect(report.isHealthy && report.excluded.isEmpty, "\(report.text)")
    #expect(report.text.contains("\(nodes * 2) ranks on \(nodes) node"))
    #expect(report.text.ranges(of: "verdict: healthy").count == nodes)
  }

  /// One change to the ranks of the second of three nodes, and a part of what is said of it.
  static let faults: [(String, @Sendable (inout RankFacts) -> Void)] = [
    ("MPI is 4.0.0, on most ranks 4.1.4", { $0.versions["MPI"] = "4.0.0" }),
    ("aimass is none", { $0.versions["aimass"] = nil }),
    ("kernels: v3, on most ranks v4", { $0.numerics["kernels"] = "v3" }),
    ("no AVX2", { $0.supportedKernels = ["baseline"] }),
    ("only 100 MiB of memory", { $0.availableBytes = 100 << 20 }),
    (
      "x.h5: there is no such file",
      {
        $0.dataset = DatasetFacts(digest: nil, problem: "x.h5: there is no such file")
      }
    ),
    ("digest bbbb", { $0.dataset = DatasetFacts(digest: "bbbb", problem: nil) }),
    ("runs: fsync failed", { $0.folderProblems = ["runs: fsync failed"] }),
  ]

  @Test(arguments: faults.indices)
  func aNodeThatDiffersIsLeftOut(index: Int) throws {
    let (text, change) = Self.faults[index]
    var facts = Self.facts(nodes: 3)
    for rank in facts.indices { facts[rank].dataset = DatasetFacts(digest: "aaaa", problem: nil) }
    #expect(Self.report(facts).isHealthy)
    change(&facts[2])
    change(&facts[3])
    let report = Self.report(facts)
    #expect(!report.isHealthy)
    #expect(report.nodes.map(\.problems.count) == [0, 1, 0], "\(report.text)")
    #expect(report.nodes[1].problems.first?.contains(text) == true, "\(report.text)")
    #expect(report.excluded == ["node2"] && report.hostList == "node1:2,node3:2")
    #expect(report.text.contains("--exclude=node2 (Slurm), or --host node1:2,node3:2 (mpirun)"))
  }

  @Test func leavingOutAllNodesMendsNothing() {
    var facts = Self.facts(nodes: 2)
    for rank in facts.indices { facts[rank].availableBytes = 0 }
    let report = Self.report(facts)
    #expect(!report.isHealthy && report.excluded.isEmpty)
  }

  @Test func namesAndNodesBelongTogether() {
    var same = Self.facts(nodes: 2)
    for rank in same.indices { same[rank].host = "node" }
    #expect(Self.report(same).nodes.allSatisfy { $0.problems.first?.contains("two nodes") == true })
    var two = Self.facts(nodes: 1)
    two[1].host = "other"
    #expect(Self.report(two).nodes[0].problems.first?.contains("node1, other") == true)
    var machines = Self.facts(nodes: 1)
    machines[1].machine = "elsewhere"
    #expect(
      Self.report(machines).nodes[0].problems.first?.contains("several machines") == true)
    var virtual = Self.facts(nodes: 2)
    for rank in virtual.indices { virtual[rank].machine = "boot" }
    let report = Self.report(virtual)
    #expect(report.isHealthy && report.nodes[0].notes.first?.contains("node2") == true)
  }

  /// A change to a measurement of three nodes, and what is said of node2.
  static let outliers: [(String, Bool, @Sendable (inout AllocationMeasurement) -> Void)] = [
    (
      "its cores do 79.0 GFLOP/s", true, { for rank in 2...3 { $0.ranks[rank].core.gemm = 7.9e10 } }
    ),
    ("rank 2 does 79.0 GFLOP/s", false, { $0.ranks[2].core.gemm = 7.9e10 }),
    (
      "memory gives a rank 6.00 GB/s", true,
      {
        for rank in 2...3 { $0.ranks[rank].memory.bytesPerSecond = 6e9 }
      }
    ),
    ("clock is 6.00 s ahead", true, { $0.nodes[1].clock = ClockOffset(seconds: 6, error: 1e-3) }),
    ("clock is 2.00 s behind", false, { $0.nodes[1].clock = ClockOffset(seconds: -2, error: 0) }),
    (
      "best link carries 0.50 GB/s", true,
      {
        $0.links = [(0, 1, 5e8), (0, 2, 1e9), (1, 2, 5e8)].map {
          .init(from: $0.0, to: $0.1, speed: LinkSpeed(latency: 1e-5, bytesPerSecond: $0.2))
        }
      }
    ),
  ]

  @Test(arguments: outliers.indices)
  func slowNodesAreNamed(index: Int) {
    let (text, isProblem, change) = Self.outliers[index]
    var measured = MeasurementTests.measurement(nodes: 3, ranksPerNode: 2)
    #expect(Self.report(Self.facts(nodes: 3), measured).nodes.allSatisfy { $0.findings.isEmpty })
    change(&measured)
    let report = Self.report(Self.facts(nodes: 3), measured)
    #expect(report.nodes[1].findings.count == 1, "\(report.text)")
    #expect(report.nodes[1].findings.first?.text.contains(text) == true, "\(report.text)")
    #expect(report.isHealthy == !isProblem)
    #expect(report.excluded == (isProblem ? ["node2"] : []))
    #expect(report.nodes[0].findings.isEmpty && report.nodes[2].findings.isEmpty)
  }

  @Test func theSlowerOfTwoNodesIsNamed() {
    var measured = MeasurementTests.measurement(nodes: 2, ranksPerNode: 2)
    for rank in 0...1 { measured.ranks[rank].core.gemm = 7e10 }
    #expect(Self.report(Self.facts(nodes: 2), measured).excluded == ["node1"])
  }

  @Test func aBadBindingIsNoFaultOfTheNode() {
    let report = Self.report(
      Self.facts(nodes: 2), misplaced: [(hosts: ["node2"], text: "every rank is bound to core 0")])
    #expect(!report.isHealthy && report.excluded.isEmpty)
    #expect(report.nodes.map(\.problems.count) == [0, 1])
  }

  @Test func aSlowSumIsNoted() {
    var measured = MeasurementTests.measurement(nodes: 2, ranksPerNode: 2)
    measured.reductions = [ReductionSpeed(bytes: 8 << 20, seconds: 0.06, modelSeconds: 0.01)]
    let report = Self.report(Self.facts(nodes: 2), measured)
    #expect(report.isHealthy)
    #expect(report.findings.first?.text.contains("6.0 times") == true)
  }

  @Test func theObjectTellsTheSame() throws {
    var facts = Self.facts(nodes: 2)
    facts[3].versions["MPI"] = "4.0.0"
    facts[2].sharingProblem = "memory cannot be shared"
    let measured = MeasurementTests.measurement(nodes: 2, ranksPerNode: 2)
    let report = Self.report(facts, measured)
    let value = try JSONText.parse(JSONText.pretty(report.json(version: "9.9")))
    #expect(value["aimass"] == "9.9" && value["healthy"] == false && value["ranks"] == 4)
    #expect(value["exclude"] == ["node2"] && value["hosts"] == "node1:2")
    guard case .array(let nodes)? = value["nodes"] else {
      Issue.record("there are no nodes")
      return
    }
    #expect(nodes.map { $0["healthy"] } == [true, false])
    #expect(nodes.map { $0["sharedMemory"] } == ["memfd", "private"])
    #expect(value["measurement"].flatMap(AllocationMeasurement.init(json:)) == measured)
  }
}
