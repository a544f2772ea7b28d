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

    /// Trains with a stand-in for `mpirun`, the body of a shell script.
    private func train(
      _ mpirun: String, _ options: [String] = [], set: [String] = [], shell: String? = nil,
      then check: (ProcessResult, TemporaryFolder) throws -> Void
    ) throws {
      try withTemporaryFolder { folder in
        let text = try folder.write("#!/bin/bash\n\(mpirun)\n", to: "mpirun.txt")
        _ = try runProcess("install", ["-D", "-m", "755", text, folder.file("bin/mpirun")])
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let words =
          [try Aimass.program]
          + Aimass.trainArguments(
            try Shelf.glyphs.get(), ranks: 2, output: folder.file("run"), set: set) + options
        let line: [String] = shell.map { ["bash", "-c", $0, "bash"] + words } ?? words
        let result = try runProcess(
          line[0], Array(line.dropFirst()),
          environment: Aimass.variables(["PATH": folder.file("bin") + ":" + path]),
          timeout: Aimass.patience, currentDirectory: folder.path)
        #expect(result.leftovers.isEmpty, "\(result.leftovers)")
        try check(result, folder)
      }
    }

    @Test func aJobThatFailsAtOnceIsNotTriedForEver() throws {
      try train("echo >>count; exit 1", ["--restarts", "1"]) { result, folder in
        #expect(result.status == 70, "\(result)")
        let count = try String(contentsOfFile: folder.file("count"), encoding: .utf8)
        #expect(count == "\n\n")
        #expect(result.lines(with: "restart 1 of 1").count == 1, "\(result)")
        #expect(result.lines(with: "not restarted").count == 1, "\(result)")
        // It was quiet, so the supervisor is not.
        #expect(result.lines(with: "aimass: mpirun ended with 1; ").count == 2, "\(result)")
        #expect(!FileManager.default.fileExists(atPath: folder.file("run")))
      }
    }

    @Test func aJobThatHasDoneNothingIsNotDone() throws {
      try train("exit 0") { result, _ in #expect(result.status == 70, "\(result)") }
    }

    @Test func aJobThatNeverBeginsIsEnded() throws {
      try train("sleep 60", set: ["distributed.watchdogSeconds=1"]) { result, _ in
        #expect(result.status == 80, "\(result)")
        #expect(result.lines(with: "s, before the first heartbeat").count == 1, "\(result)")
      }
    }

    @Test func aWishIsKeptUntilSomebodyCanHearIt() throws {
      // The stand-in dies of the signal to save, as ranks do that do not catch it yet.
      let script = """
        "$@" & job=$!
        until [ -e begun ]; do sleep 0.05; kill -0 $job || exit 99; done
        kill -USR2 $job
        wait $job || wait $job
        """
      try train("touch begun; sleep 2; exit 65", shell: script) { result, _ in
        #expect(result.status == 65, "\(result)")
      }
    }

    @Test func closedStreamsAreNotTakenByOtherFiles() throws {
      let mpirun = "readlink /proc/$PPID/fd/[012] >streams; exit 65"
      try train(mpirun, shell: "exec \"$@\" <&- >&- 2>&-") { result, folder in
        #expect(result.status == 65, "\(result)")
        let streams = try String(contentsOfFile: folder.file("streams"), encoding: .utf8)
        #expect(streams == String(repeating: "/dev/null\n", count: 3))
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
