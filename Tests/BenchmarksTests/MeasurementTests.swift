import Benchmarks
import Reports
import Testing

/// What measurements say, and how they are written.
struct MeasurementTests {
  static let link = LinkSpeed(latency: 1e-4, bytesPerSecond: 1e8)

  static func measurement(nodes: Int, ranksPerNode: Int) -> AllocationMeasurement {
    var measured = AllocationMeasurement(ranks: [], nodes: [], links: [], reductions: [])
    for rank in 0..<nodes * ranksPerNode {
      measured.ranks.append(
        .init(
          rank: rank, node: rank / ranksPerNode, core: CoreSpeed(gemm: 1e11, layer: 6e10),
          memory: MemorySpeed(bytesPerSecond: 8e9)))
    }
    for node in 0..<nodes {
      measured.nodes.append(
        .init(
          node: node, memoryAlone: MemorySpeed(bytesPerSecond: 1.2e10),
          neighbours: ranksPerNode > 1 ? LinkSpeed(latency: 1e-6, bytesPerSecond: 5e9) : nil,
          clock: node > 0 ? ClockOffset(seconds: -0.25, error: 1e-4) : nil))
    }
    if nodes > 1 {
      measured.links = (1..<nodes).map {
        .init(from: 0, to: $0, speed: LinkSpeed(latency: Double($0) * 1e-5, bytesPerSecond: 1e9))
      }
    }
    measured.reductions = [ReductionSpeed(bytes: 1024, seconds: 1e-4, modelSeconds: 5e-5)]
    return measured
  }

  @Test(arguments: [(1, 1), (1, 2), (3, 2)])
  func whatIsWrittenIsReadAgain(nodes: Int, ranks: Int) throws {
    let measured = Self.measurement(nodes: nodes, ranksPerNode: ranks)
    for text in [JSONText.line(measured.json), JSONText.pretty(measured.json)] {
      #expect(AllocationMeasurement(json: try JSONText.parse(text)) == measured)
    }
  }

  @Test(arguments: [
    "{}", "[]", "{\"ranks\": [], \"nodes\": [], \"links\": [], \"allReduce\": []}",
    "{\"ranks\": [{\"rank\": 0}], \"nodes\": [{}], \"links\": [], \"allReduce\": []}",
  ])
  func whatIsNoMeasurementIsNotRead(text: String) throws {
    #expect(AllocationMeasurement(json: try JSONText.parse(text)) == nil)
  }

  @Test func aRateOfNothingIsNotRead() throws {
    var measured = Self.measurement(nodes: 1, ranksPerNode: 1)
    measured.ranks[0].core.gemm = 0
    #expect(AllocationMeasurement(json: measured.json) == nil)
  }

  @Test func theSlowestLinkIsThatBetweenNodesWhereThereAreSome() {
    #expect(Self.measurement(nodes: 1, ranksPerNode: 1).slowestLink == nil)
    #expect(Self.measurement(nodes: 1, ranksPerNode: 2).slowestLink?.latency == 1e-6)
    let slowest = Self.measurement(nodes: 4, ranksPerNode: 2).slowestLink
    #expect(slowest == LinkSpeed(latency: 3 * 1e-5, bytesPerSecond: 1e9))
  }

  /// One rank sends nothing; two meet once; small messages double, large ones are scattered.
  static let sums: [(ranks: Int, bytes: Int, seconds: Double)] = [
    (1, 1_000_000, 0), (2, 1, 1.0001e-4), (4, 1, 2.0002e-4), (4, 100_000_000, 1.5004),
    (5, 1, 3.0003e-4),
  ]

  @Test(arguments: sums)
  func theModelTakesTheBetterAlgorithm(ranks: Int, bytes: Int, seconds: Double) {
    let found = AllReduceModel(Self.link).seconds(bytes: bytes, ranks: ranks)
    #expect(abs(found - seconds) <= 1e-12 + 1e-9 * seconds)
  }

  @Test(arguments: 0...21)
  func everyPairMeetsOnce(count: Int) {
    let rounds = Pairings.rounds(of: count)
    for round in rounds {
      let partners = round.flatMap { [$0.0, $0.1] }
      #expect(Set(partners).count == partners.count, "nobody is in two pairs of a round")
      for (low, high) in round { #expect(low >= 0 && low < high && high < count) }
    }
    let pairs = rounds.joined().map { "\($0.0)-\($0.1)" }
    #expect(Set(pairs).count == pairs.count, "no pair meets twice")
    #expect(pairs.count == (count <= 8 ? count * max(0, count - 1) / 2 : count))
    #expect(rounds.count <= 7)
  }

  @Test func ratesAreRates() {
    let core = CoreBenchmark.coreSpeed(seconds: 0.01)
    // Faster than a pocket calculator, slower than any processor's peak.
    #expect(core.gemm > 1e8 && core.gemm < 1e13)
    #expect(core.layer > 1e8 && core.layer < 1e13)
    let memory = CoreBenchmark.memorySpeed(bytes: 1 << 20, seconds: 0.01)
    #expect(memory.bytesPerSecond > 1e7 && memory.bytesPerSecond < 1e13)
    let few = CoreBenchmark.bytesBeyondCaches(ranks: 1)
    #expect(few >= CoreBenchmark.bytesBeyondCaches(ranks: 64))
    #expect(CoreBenchmark.bytesBeyondCaches(ranks: 100_000) == 24 << 20)
  }
}
