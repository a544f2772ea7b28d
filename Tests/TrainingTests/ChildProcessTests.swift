import Glibc
import HDF5
import Testing
import Training

/// The process that is spared for a stranger's file: whatever becomes of it is heard.
struct ChildProcessTests {
  private func shell(_ script: String, seconds: Int = 20) throws -> (
    end: ChildProcess.End, words: String
  ) {
    try ChildProcess.run("/bin/sh", ["-c", script], environment: ["A": "1"], seconds: seconds)
  }

  @Test func everyEndIsTold() throws {
    #expect(try shell("echo one; exit 0") == (.exit(0), "one"))
    #expect(try shell("exit 65").end == .exit(65))
    #expect(try shell("kill -SEGV $$").end == .signal(SIGSEGV))
    #expect(try shell("kill -XCPU $$").end == .signal(SIGXCPU))
    #expect(try shell("sleep 60", seconds: 1).end == .late)
    // Closing its output does not help it to stay.
    let closed = try shell("exec >&-; sleep 60", seconds: 1).end
    #expect(closed == .signal(SIGKILL) || closed == .late)
    #expect(throws: TrainingError.self) {
      try ChildProcess.run("/nowhere/program", [], environment: [:], seconds: 5)
    }
  }

  @Test func itKnowsNothingAndSaysLittle() throws {
    #expect(try shell("env | cut -d= -f1 | grep -v _ | grep -v PWD | tr '\\n' ' '").words == "A")
    let long = try shell("yes x | head -c 1000000").words
    #expect(long.count <= ChildProcess.mostBytes && long.hasPrefix("x x"))
    #expect(try shell("printf 'a\\033[31mb\\nc\\001'").words == "a [31mb c")
  }

  @Test func everyDeathIsARefusal() {
    let limits = ProcessLimits(fileBytes: 10 << 20)
    #expect(UntrustedFiles.refusal(of: "f", .exit(0), "sound", limits) == nil)
    for (end, words, code, text) in [
      (
        ChildProcess.End.exit(65), "f:/x: a soft link", HDF5Error.Code.refused,
        "untrusted: /x: a soft link"
      ),
      (.exit(69), "too new", .newerVersion, "too new"), (.exit(74), "no", .ioFailure, "no"),
      (.exit(1), "", .refused, "ended with 1 and without a word"),
      (.signal(SIGSEGV), "", .refused, "signal 11 (Segmentation fault)"),
      (.signal(SIGSEGV), "half a word", .refused, "signal 11"),
      (.signal(SIGXCPU), "", .refused, "its 70 seconds of CPU time"),
      (.late, "", .refused, "within \(limits.patienceSeconds) seconds"),
    ] {
      let refusal = UntrustedFiles.refusal(of: "f", end, words, limits)
      #expect(
        refusal?.code == code && refusal?.message.contains(text) == true, "\(end): \(refusal)")
    }
  }
}
