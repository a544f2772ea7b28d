import Foundation
import TestSupport
import Testing

/// The watchdog that all tests of programs rely on.
struct RunProcessTests {
  @Test func tellsStatusAndBothStreams() throws {
    let result = try runProcess("sh", ["-c", "echo out; echo err >&2; exit 7"])
    #expect(result.status == 7 && result.signal == nil)
    #expect(result.output == "out\n" && result.errors == "err\n")
  }

  @Test func tellsTheSignal() throws {
    let result = try runProcess("sh", ["-c", "kill -9 $$"])
    #expect(result.status == 137 && result.signal == 9)
  }

  @Test func takesMoreThanAPipeHolds() throws {
    let result = try runProcess("sh", ["-c", "head -c 3000000 /dev/zero | tr '\\0' x"])
    #expect(result.output.utf8.count == 3_000_000)
  }

  @Test func hasNoInputAndRunsWhereAsked() throws {
    try withTemporaryFolder { folder in
      let result = try runProcess(
        "sh", ["-c", "cat; pwd; echo $GREETING"], environment: ["GREETING": "hello"],
        currentDirectory: folder.path)
      #expect(result.output == "\(folder.path)\nhello\n")
    }
  }

  @Test func endsWhatTakesTooLongWithAllItsDescendants() throws {
    let start = ContinuousClock.now
    // `setsid` leaves the process group, as mpirun's ranks do; `trap` ignores the first request.
    let script = "trap '' TERM; setsid sleep 4242.5 & echo started; sleep 4242.5"
    let failure = #expect(throws: ProcessFailure.self) {
      try runProcess("bash", ["-c", script], timeout: 1)
    }
    #expect(failure?.description.contains("started") == true)
    #expect(failure?.description.contains("sleep 4242.5") == true)
    #expect(ContinuousClock.now - start < .seconds(30))
    let left = try runProcess("sh", ["-c", "ps -eo args | grep -c '^sleep 4242[.]5'"])
    #expect(left.output == "0\n")
  }

  @Test func tellsWhatOutlivesAProgram() throws {
    // Waits until the sleeper runs: while it is still being started, its environment cannot be read.
    let script = """
      setsid sleep 4343.5 >/dev/null 2>&1 &
      until tr '\\0' ' ' </proc/$!/cmdline | grep -q '^sleep'; do :; done
      """
    let result = try runProcess("bash", ["-c", script])
    #expect(result.status == 0)
    #expect(result.leftovers.count == 1)
  }

  @Test func saysWhatCannotStart() {
    #expect(throws: ProcessFailure.self) { try runProcess("/no/such/program") }
  }

  @Test func aTemporaryFolderIsGoneAfterwards() throws {
    let path = try withTemporaryFolder { folder in
      try folder.write("text", to: "a/b.txt")
      #expect(FileManager.default.fileExists(atPath: folder.file("a/b.txt")))
      _ = try runProcess("chmod", ["000", folder.file("a")])
      return folder.path
    }
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test(.enabled(if: Python.has("numpy"), "NumPy is missing"))
  func pythonAnswers() throws {
    #expect(
      try Python.run("import sys, numpy; print(numpy.sum([1, 2]), sys.argv[1])", ["x"]) == "3 x\n")
    #expect(throws: ProcessFailure.self) { try Python.run("raise SystemExit(3)") }
  }
}
