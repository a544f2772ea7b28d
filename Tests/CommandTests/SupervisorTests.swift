import Foundation
import TestSupport
import Testing

extension JobTests {
  /// What a supervisor makes of jobs that fail: a slice of the cases of `Tests/Soak`, and its own words.
  @Suite(.serialized) struct SupervisorTests {
    /// Configuration, data and the run that was left alone, made once for all cases.
    private static let shelf: Result<TemporaryFolder, any Error> = Result {
      atexit { SupervisorTests.remove() }
      return try TemporaryFolder()
    }

    private static func remove() {
      if case .success(let folder) = shelf {
        try? FileManager.default.removeItem(atPath: folder.path)
      }
    }

    /// Runs one case of a tier.
    private func soak(_ tier: String, case number: Int) throws {
      let shelf = try Self.shelf.get().path
      let result = try runProcess(
        "\(Checkout.folder)/Tests/Soak/\(tier)", ["--seed", "1", "--only", "\(number)"],
        environment: [
          "AIMASS": try Aimass.program, "AIMASS_ROOT": Checkout.folder,
          "AIMASS_SOAK_SHELF": shelf, "AIMASS_SCRATCH": shelf,
        ], timeout: Aimass.patience)
      #expect(result.status == 0, "\(result)")
      #expect(result.leftovers.isEmpty, "\(result.leftovers)")
      #expect(result.output.contains("\"cases\": 1, \"failed\": 0"), "\(result)")
    }

    @Test func aKilledRankCostsAtMostAnInterval() throws { try soak("kills", case: 0) }

    @Test(arguments: [0, 1]) func nothingIsLeftOfWhatIsKilledAbove(number: Int) throws {
      try soak("kills-above", case: number)
    }

    @Test func aWishToSaveIsHeardAtAnyTime() throws { try soak("saves", case: 0) }

    @Test func aWishToStopIsHeardBetweenTwoStarts() throws { try soak("terminations", case: 4) }

    @Test func aJobThatFailsAtOnceIsNotTriedForEver() throws {
      try withTemporaryFolder { folder in
        // An mpirun that fails, whatever it is told, and counts how often.
        let counter = folder.file("count")
        let text = try folder.write("#!/bin/sh\necho >>\(counter)\nexit 1\n", to: "mpirun.txt")
        _ = try runProcess("install", ["-D", "-m", "755", text, folder.file("bin/mpirun")])
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let result = try Aimass.train(
          Shelf.glyphs.get(), ranks: 2, output: folder.file("run"), ["--restarts", "1"],
          environment: ["PATH": folder.file("bin") + ":" + path])
        #expect(result.status == 70, "\(result)")
        #expect(try String(contentsOfFile: counter, encoding: .utf8) == "\n\n")
        #expect(result.lines(with: "restart 1 of 1").count == 1, "\(result)")
        #expect(result.lines(with: "not restarted").count == 1, "\(result)")
        #expect(!FileManager.default.fileExists(atPath: folder.file("run")))
      }
    }

    @Test func whatAPersonMustMendIsNotRestarted() throws {
      try withTemporaryFolder { folder in
        let result = try Aimass.train(
          Shelf.glyphs.get(), ranks: 2, output: folder.file("run"), set: ["batch.micro=1000"],
          ["--restarts", "3"])
        #expect(result.status == 78, "\(result)")
        #expect(result.lines(with: "restart 1").isEmpty, "\(result)")
      }
    }

    @Test func anMpirunThatIsMissingIsSaidSo() throws {
      try withTemporaryFolder { folder in
        let result = try Aimass.train(
          Shelf.glyphs.get(), ranks: 2, output: folder.file("run"), ["--restarts", "3"],
          environment: ["PATH": folder.path])
        #expect(result.status == 70 && result.errors.contains("launch/setup"), "\(result)")
      }
    }

    @Test(arguments: [
      ["--hosts", "a:0"], ["--hosts", "a", "--starter", "srun"], ["--interfaces", "eth0"],
      ["--mca", "x"], ["--bind", "chair"], ["--min-hosts", "0"], ["--restarts", "-1"],
      ["--hosts", "a,b", "--ranks", "3"],
    ])
    func wrongCallsAreRefused(options: [String]) throws {
      let result = try Aimass.run(["launch", Shelf.glyphs.get()] + options)
      #expect(result.status == 64, "\(result)")
    }
  }
}
