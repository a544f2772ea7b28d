import Testing
import Training

/// What is said about where ranks were put, from masks, limits and ranks alone.
struct PlacementTests {
  /// Ranks with these masks on a machine whose job may use `allowed`.
  static func verdict(
    _ masks: [String], allowed: String = "0-3", quota: Double? = nil, threads: Int? = 1,
    computing: Int = 1, yields: Bool = false, launcher: RankLauncher = .mpirun
  ) throws -> PlacementVerdict {
    let placements = try masks.enumerated().map { rank, mask in
      RankPlacement(
        rank: rank, mask: try #require(CPUSet(list: mask)),
        allowed: try #require(CPUSet(list: allowed)), quota: quota,
        computing: computing, threads: threads, yields: yields)
    }
    return PlacementVerdict(placements, launcher: launcher)
  }

  @Test(arguments: [
    ["0", "1", "2", "3"], ["0-3", "0-3", "0-3", "0-3"], ["0-1", "0-1", "2-3", "2-3"], ["0-3"],
    ["0-3", "0", "1", "2"], ["2", "0-1"], ["0-1", "1-2", "2-3", "3,0"],
  ])
  func everyRankCanHaveACore(masks: [String]) throws {
    #expect(try Self.verdict(masks).warnings == [])
  }

  @Test(arguments: [
    (["0", "0"], "every rank is bound to core 0 while cores 1-3 are free"),
    (["0", "0", "1"], "ranks 0, 1 are bound to core 0 while cores 2-3 are free"),
    (["0-1", "0-1", "0-1", "3"], "ranks 0, 1, 2 are bound to cores 0-1 while core 2 is free"),
    (["2", "0-1", "0", "1"], "ranks 1, 2, 3 are bound to cores 0-1 while core 3 is free"),
    // Augmenting moves rank 0 off core 0 first; only then is core 1 the one that lacks.
    (["0-1", "0", "1", "3"], "ranks 0, 1, 2 are bound to cores 0-1 while core 2 is free"),
    (["0", "0", "1", "1"], "every rank is bound to cores 0-1 while cores 2-3 are free"),
  ])
  func ranksBoundTogetherAreNamed(masks: [String], sentence: String) throws {
    let found = try Self.verdict(masks).warnings
    #expect(found.map(\.kind) == [.sharedCores])
    #expect(found.first?.sentence == sentence)
    #expect(found.first?.remedy.contains("--bind-to none") == true)
  }

  @Test func theRemedySpeaksOfWhatStartedTheRanks() throws {
    let found = try Self.verdict(["0", "0"], launcher: .srun).warnings
    #expect(found.first?.remedy.contains("srun --cpu-bind=none") == true)
  }

  @Test(arguments: [
    (["0", "0"], "0", false, 1), (["0", "0"], "0", true, 0),
    (["0-1", "0-1", "0-1"], "0-1", false, 1),
    (["0-1", "0-1", "0-1"], "0-1", true, 0), (["0-1", "0-1"], "0-1", false, 0),
  ])
  func moreRanksThanCoresMustYield(
    masks: [String], allowed: String, yields: Bool, count: Int
  ) throws {
    let found = try Self.verdict(masks, allowed: allowed, yields: yields).warnings
    #expect(found.map(\.kind) == [PlacementWarning.Kind](repeating: .spinning, count: count))
    for warning in found { #expect(warning.remedy.contains("--mca mpi_yield_when_idle 1")) }
  }

  @Test(arguments: [
    (2.0, ["0-3", "0-3"], 0), (1.5, ["0-3", "0-3"], 1), (4.0, ["0", "1", "2", "3"], 0),
    (3.9, ["0", "1", "2", "3"], 1), (0.5, ["0"], 1), (1.0, ["0-3"], 0),
  ])
  func aLimitBelowTheRanksThrottles(quota: Double, masks: [String], count: Int) throws {
    let found = try Self.verdict(masks, quota: quota).warnings
    #expect(found.map(\.kind) == [PlacementWarning.Kind](repeating: .throttled, count: count))
    if count > 0 { #expect(found[0].remedy.contains("-n \(max(1, Int(quota)))")) }
  }

  @Test func threadsOfTheMatrixLibraryAreNamed() throws {
    let found = try Self.verdict(["0", "1"], threads: 4).warnings
    #expect(found.map(\.kind) == [.threads])
    #expect(found[0].sentence.contains("OPENBLAS_NUM_THREADS is 4 for every rank"))
    #expect(found[0].remedy.contains("-x OPENBLAS_NUM_THREADS=1"))
    #expect(try Self.verdict(["0", "1"], threads: nil).warnings == [])
  }

  @Test func manyRanksAndCoresAreJudgedQuickly() throws {
    // Every rank may use every core, one core too few: the search meets all of them.
    let masks = [String](repeating: "0-254", count: 256)
    let found = try Self.verdict(masks, allowed: "0-254").warnings
    #expect(found.map(\.kind) == [.spinning])
    #expect(found[0].sentence.hasPrefix("256 ranks on cores 0-254"))
  }

  @Test func virtualNodesShareTheCoresOfTheirMachine() {
    let placements = (0..<3).map {
      RankPlacement(
        rank: $0, host: "node\($0)", machine: "same", mask: CPUSet(0..<2), allowed: CPUSet(0..<2))
    }
    let report = PlacementReport(placements, launcher: .mpirun)
    #expect(report.machines.map(\.hosts) == [["node0", "node1", "node2"]])
    #expect(report.warnings.count == 1)
    #expect(report.line == "placement: 3 ranks on 2 cores (mask 0-1), 1 thread each")
  }

  @Test func theLineTellsWhatWasChosen() {
    func rank(_ number: Int, _ host: String, _ mask: Range<Int>) -> RankPlacement {
      RankPlacement(
        rank: number, host: host, machine: host, mask: CPUSet(mask), allowed: CPUSet(0..<4),
        quota: 2)
    }
    let one = PlacementReport([rank(0, "a", 0..<2), rank(1, "a", 0..<2)], launcher: .none)
    #expect(one.line == "placement: 2 ranks on 2 cores (mask 0-1, cgroup 2.0 cores), 1 thread each")
    let bound = PlacementReport([rank(0, "a", 0..<1), rank(1, "a", 3..<4)], launcher: .mpirun)
    #expect(
      bound.line
        == "placement: 2 ranks on 2 cores (bound within 0,3, cgroup 2.0 cores), 1 thread each")
    let two = PlacementReport(
      [rank(0, "a", 0..<1), rank(1, "b", 0..<1), rank(2, "c", 0..<2)], launcher: .mpirun)
    #expect(
      two.line
        == "placement: 2 nodes of 1 rank on 1 core (mask 0, cgroup 2.0 cores), 1 thread each; 1 node otherwise"
    )
  }

  @Test func theSameFindingOnSeveralMachinesIsToldOnce() {
    let placements = ["a", "b"].flatMap { host in
      [0, 1].map { _ in
        RankPlacement(
          rank: 0, host: host, machine: host, mask: CPUSet([0]), allowed: CPUSet([0]))
      }
    }
    let found = PlacementReport(placements, launcher: .mpirun).warnings
    #expect(found.count == 1)
    #expect(found.first?.hasPrefix("a, b: 2 ranks on core 0 wait by spinning") == true)
  }

  @Test(arguments: [
    (8, nil, nil, 8), (8, 2.0, nil, 2), (8, 1.5, nil, 1), (8, 0.2, nil, 1), (8, nil, 3, 3),
    (2, 16.0, 8, 2), (1, nil, 4, 1), (4, 2.999, 8, 3),
  ])
  func ranksFollowMaskLimitAndWork(mask: Int, quota: Double?, most: Int?, ranks: Int) {
    let placement = Placement(mask: CPUSet(0..<mask), quota: quota)
    #expect(placement.ranks(most: most) == ranks)
  }

  @Test(arguments: [
    (["0-1", "2-3"], 2, nil), (["0-3", "0-3"], 2, nil),
    (
      ["0", "1"], 2,
      "every rank is bound to cores 0-1 and computes on 2 threads while cores 2-3 are free"
    ),
    (["0", "1-3"], 2, "rank 0 is bound to core 0 and computes on 2 threads while core 3 is free"),
    (["0"], 4, "every rank is bound to core 0 and computes on 4 threads while cores 1-3 are free"),
  ])
  func threadsBoundTogetherAreNamed(masks: [String], computing: Int, sentence: String?) throws {
    let found = try Self.verdict(masks, computing: computing).warnings
    #expect(found.map(\.sentence) == [sentence].compactMap { $0 })
    for warning in found {
      #expect(warning.kind == .sharedCores)
      #expect(warning.remedy.contains("--map-by slot:PE=\(computing)"))
    }
    let started = try Self.verdict(masks, computing: computing, launcher: .srun).warnings
    #expect(started.allSatisfy { $0.remedy.contains("--cpus-per-task=\(computing)") })
  }

  @Test func moreThreadsThanCoresAreNamed() throws {
    let found = try Self.verdict(["0-1", "0-1"], allowed: "0-1", computing: 2).warnings
    #expect(found.map(\.kind) == [.crowded])
    #expect(found.first?.sentence.hasPrefix("4 threads of 2 ranks share cores 0-1") == true)
    #expect(found.first?.remedy.contains("--threads") == true)
    #expect(
      try Self.verdict(["0-3"], quota: 2, computing: 4).warnings.map(\.kind) == [.throttled])
  }

  @Test(arguments: [
    ("0-7", ["0-7"], nil, 8), ("0-7", ["0-7", "0-7", "0-7"], nil, 2),
    ("0-3", ["0-3", "4-7"], nil, 4),
    ("0", ["0", "1"], nil, 1), ("0-7", ["0-7", "0-7"], 4.0, 2),
    ("0-1", ["0-1", "0-1", "0-1"], nil, 1),
    ("0-7", ["0-7"], 0.5, 1),
  ])
  func aRankHasItsShareOfTheCores(
    mask: String, all: [String], quota: Double?, threads: Int
  ) throws {
    let ranks = try all.enumerated().map { rank, mask in
      let mask = try #require(CPUSet(list: mask))
      return RankPlacement(rank: rank, mask: mask, allowed: mask, quota: quota)
    }
    let mine = try #require(ranks.first { $0.mask.description == mask })
    #expect(Placement.threadShare(of: mine, among: ranks) == threads)
  }
}
