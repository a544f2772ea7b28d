import Foundation
import TestSupport
import Testing

extension JobTests {
  /// What `doctor`, `benchmark node` and the start of `train` say of real ranks.
  @Suite(.serialized) struct DoctorTests {
    /// Runs the program under an `mpirun` of the test's own, since the binding is what is tested.
    private func mpirun(
      _ options: [String], _ arguments: [String], environment: [String: String] = [:]
    ) throws -> ProcessResult {
      var variables = Aimass.variables(environment)
      variables["OMPI_MCA_rmaps_base_oversubscribe"] = nil
      return try runProcess(
        "mpirun",
        ["--allow-run-as-root", "--timeout", "90"] + options + [Aimass.program] + arguments,
        environment: variables, timeout: 100)
    }

    private func object(_ result: ProcessResult) throws -> [String: Any] {
      let value = try JSONSerialization.jsonObject(with: Data(result.output.utf8))
      return try #require(value as? [String: Any], "\(result)")
    }

    @Test(arguments: [1, 2, 4])
    func everyRankIsSeenAndMeasured(ranks: Int) throws {
      let result = try Aimass.run(ranks: ranks, ["doctor", "--json"])
      let report = try object(result)
      #expect(report["ranks"] as? Int == ranks)
      let nodes = try #require(report["nodes"] as? [[String: Any]])
      #expect(nodes.count == 1)
      #expect((nodes[0]["ranks"] as? [Any])?.count == ranks)
      #expect(nodes[0]["sharedMemory"] as? String == (ranks == 1 ? "alone" : "memfd"))
      let measured = try #require(report["measurement"] as? [String: Any])
      let cores = try #require(measured["ranks"] as? [[String: Any]])
      #expect(cores.map { $0["rank"] as? Int } == (0..<ranks).map(Optional.some))
      #expect(cores.allSatisfy { ($0["gemmFlopsPerSecond"] as? Double ?? 0) > 0 })
      #expect((measured["allReduce"] as? [Any])?.count == (ranks == 1 ? 0 : 4))
    }

    @Test(.enabled(if: VirtualNodes.areAvailable, "\(VirtualNodes.need)"))
    func nodesAreToldApartAndTheirLinkIsMeasured() throws {
      let result = try VirtualNodes.run(
        slots: [2, 1], "aimass", ["doctor", "--json"], environment: Aimass.variables([:]))
      let report = try object(result)
      let nodes = try #require(report["nodes"] as? [[String: Any]])
      #expect(nodes.map { ($0["ranks"] as? [Any])?.count } == [2, 1])
      #expect(Set(nodes.compactMap { $0["host"] as? String }).count == 2)
      #expect(nodes.allSatisfy { "\($0["notes"] ?? "")".contains("shares one machine with") })
      let measured = try #require(report["measurement"] as? [String: Any])
      let links = try #require(measured["links"] as? [[String: Any]])
      #expect(links.count == 1 && (links[0]["bytesPerSecond"] as? Double ?? 0) > 0)
      // Both nodes read one clock, so the true offset of 0 lies within the error.
      let clocks = try #require(measured["nodes"] as? [[String: Any]]).map {
        $0["clock"] as? [String: Double]
      }
      #expect(clocks.count == 2 && clocks[0] == nil)
      let (offset, error) = (clocks[1]?["offsetSeconds"] ?? 1, clocks[1]?["errorSeconds"] ?? 0)
      #expect(abs(offset) <= error + 1e-9, "\(offset) ± \(error)")
      try withTemporaryFolder { folder in
        let file = try folder.write(result.output, to: "measured.json")
        let plan = try Aimass.run(
          ["plan", Shelf.glyphs.get(), "--ranks", "4", "--nodes", "2", "--measure", file])
        #expect(plan.status == 0, "\(plan)")
        #expect(plan.output.split(separator: "\n").filter { $0.hasSuffix("%") }.count == 3)
      }
    }

    @Test func aHealthyMachineEndsWithZero() throws {
      let result = try Aimass.run(["doctor", "--quick"])
      #expect(result.status == 0 && result.errors.isEmpty, "\(result)")
      #expect(result.lines(with: "verdict: healthy").count == 1, "\(result)")
      #expect(result.lines(with: "1 rank on 1 node").count == 1, "\(result)")
    }

    @Test(.enabled(if: ProcessInfo.processInfo.activeProcessorCount > 1, "one core binds all"))
    func ranksBoundToOneCoreAreNamed() throws {
      let result = try mpirun(
        ["-np", "2", "--bind-to", "none", "taskset", "-c", "0"], ["doctor", "--quick"])
      #expect(result.status == 70, "\(result)")
      #expect(result.lines(with: "every rank is bound to core 0").count == 1, "\(result)")
      #expect(result.lines(with: "--bind-to none").count == 1, "\(result)")
    }

    @Test(.enabled(if: ProcessInfo.processInfo.activeProcessorCount > 1, "one core binds all"))
    func trainingWarnsOfABadBinding() throws {
      let result = try mpirun(
        ["-np", "2", "--bind-to", "none", "taskset", "-c", "0"],
        ["train", Shelf.glyphs.get(), "--dry-run"])
      #expect(result.status == 0, "\(result)")
      #expect(result.lines(with: "placement: 2 ranks on 1 core (mask 0)").count == 1, "\(result)")
      #expect(result.lines(with: "warning: every rank is bound to core 0").count == 1, "\(result)")
    }

    @Test func trainingTakesTheCoresOfItsMask() throws {
      let result = try runProcess(
        "taskset", ["-c", "0", Aimass.program, "train", Shelf.glyphs.get(), "--dry-run"],
        environment: Aimass.variables([:]), timeout: Aimass.patience)
      #expect(result.status == 0, "\(result)")
      #expect(result.lines(with: "placement: 1 rank on 1 core (mask 0)").count == 1, "\(result)")
      #expect(result.lines(with: "warning").isEmpty, "\(result)")
    }

    @Test func spinningRanksAreNamed() throws {
      let cores = ProcessInfo.processInfo.activeProcessorCount
      let spin = ["--mca", "mpi_yield_when_idle", "0"]
      let start = ["-np", "\(cores + 1)", "--oversubscribe", "--bind-to", "none"]
      let bad = try mpirun(start + spin, ["doctor", "--quick"])
      #expect(bad.status == 70, "\(bad)")
      #expect(bad.lines(with: "--mca mpi_yield_when_idle 1").count == 1, "\(bad)")
      let good = try mpirun(start, ["doctor", "--quick"])
      #expect(good.status == 0, "\(good)")
    }

    @Test func threadsOfTheMatrixLibraryAreNamed() throws {
      let result = try Aimass.run(
        ["doctor", "--quick"], environment: ["OPENBLAS_NUM_THREADS": "3"])
      #expect(result.status == 70, "\(result)")
      #expect(result.lines(with: "OPENBLAS_NUM_THREADS is 3").count == 1, "\(result)")
    }

    @Test func dataAndRunFolderAreTried() throws {
      try withTemporaryFolder { folder in
        let output = folder.file("runs/new")
        let check = ["doctor", "--quick", "--json", "--output", output, "--config"]
        let good = try Aimass.run(ranks: 2, check + [Shelf.glyphs.get()])
        #expect(good.status == 0, "\(good)")
        #expect(try object(good)["healthy"] as? Bool == true)
        #expect(good.lines(with: "\"digest\": \"").count == 2, "\(good)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
        let text = try String(contentsOfFile: Shelf.glyphs.get(), encoding: .utf8)
        let lost = try folder.write(text, to: "lost.yaml")
        let bad = try Aimass.run(check + [lost])
        #expect(bad.status == 70, "\(bad)")
        #expect(bad.lines(with: "glyphs.h5: there is no such file").count >= 1, "\(bad)")
        let unwritable = try Aimass.run(
          ["doctor", "--quick", "--config", Shelf.glyphs.get(), "--output", "/proc/runs"])
        #expect(unwritable.status == 70, "\(unwritable)")
        #expect(unwritable.lines(with: "/proc: creating a file failed").count == 1)
      }
    }

    @Test func planPredictsFromAMeasurement() throws {
      try withTemporaryFolder { folder in
        let measured = try Aimass.run(ranks: 2, ["benchmark", "node", "--json"])
        #expect(measured.status == 0, "\(measured)")
        let file = try folder.write(measured.output, to: "measured.json")
        let plan = ["plan", try Shelf.glyphs.get(), "--ranks", "4", "--measure"]
        let result = try Aimass.run(plan + [file])
        #expect(result.status == 0, "\(result)")
        let rows = result.output.split(separator: "\n").filter { $0.hasSuffix("%") }
        #expect(rows.map { $0.split(separator: " ").first } == ["1", "2", "4"], "\(result)")
        let network = try Aimass.run(plan + [file, "--nodes", "2"])
        expectRefusal(network, 65, ["one node", "network"])
        expectRefusal(try Aimass.run(plan + [folder.file("no.json")]), 66, ["no.json"])
        let other = try folder.write("{\"measurement\": {}}", to: "other.json")
        expectRefusal(try Aimass.run(plan + [other]), 65, ["no measurement"])
      }
    }

    @Test func planTellsWhatNodesSend() throws {
      let plan = ["plan", try Shelf.glyphs.get(), "--ranks", "4", "--nodes"]
      // 13,434 parameters, half of them out as sums and half as weights.
      let two = try Aimass.run(plan + ["2"])
      #expect(
        two.lines(with: "sent per step by the busiest node").first?.hasSuffix("52.5 KiB") == true)
      let five = try Aimass.run(plan + ["5"])
      #expect(five.status == 64 && five.errors.contains("--nodes must be in 1...4"), "\(five)")
    }
  }
}
