import Foundation
import TestSupport
import Testing

extension JobTests {
  /// What a job says and leaves when a rank stops, dies or is slow, and what it records when asked to.
  @Suite(.serialized) struct WatchTests {
    /// Long enough to be met at work.
    static let endless = ["train.epochs=100000", "checkpoint.everySteps=1000000"]

    /// Runs a job on four ranks and does something to rank 2 once step 40 is logged.
    static func disturb(
      _ action: String, _ folder: TemporaryFolder, set: [String],
      environment: [String: String] = [:], counted configuration: String? = nil
    ) throws -> (result: ProcessResult, run: Run) {
      let run = Run(path: folder.file("run"))
      let script = """
        log=$1
        shift
        "$@" &
        job=$!
        until grep -qsE '"step": ?40,' "$log"; do
          kill -0 $job 2>/dev/null || { wait $job; echo "too late: $?"; exit 99; }
          sleep 0.02
        done
        rank=$(grep -lsz '^OMPI_COMM_WORLD_RANK=2$' $(grep -lsz "$run" /proc/[0-9]*/environ) \\
          | sed 's/[^0-9]//g' | head -n 1)
        echo "rank 2 is process $rank"
        \(action)
        wait $job
        """
      var variables = Aimass.variables(environment)
      // How the script finds this job's ranks among all processes.
      variables["run"] = "AIMASS_WATCH_TEST=\(run.path)"
      variables["AIMASS_WATCH_TEST"] = run.path
      let isEndless = configuration != nil || set.contains { $0.hasPrefix("train=") }
      let words = Aimass.trainArguments(
        try configuration ?? Shelf.glyphs.get(), ranks: 4, output: run.path,
        set: isEndless ? set : endless + set)
      let result = try runProcess(
        "bash", ["-c", script, "bash", run.path + "/metrics.jsonl", try Aimass.program] + words,
        environment: variables, timeout: Aimass.patience)
      return (result, run)
    }

    @Test func aStoppedRankIsNamedAndTheJobEnds() throws {
      try withTemporaryFolder { folder in
        let (result, run) = try Self.disturb(
          "kill -STOP $rank", folder, set: ["distributed.watchdogSeconds=5"])
        #expect(result.status == 80, "\(result)")
        #expect(result.leftovers.isEmpty, "\(result.leftovers)")
        let lines = result.lines(with: "is late")
        #expect(lines.count == 1, "\(result)")
        let process =
          result.lines(with: "rank 2 is process").first?.split(separator: " ").last ?? ""
        #expect(
          lines.first?.contains(
            #/aimass: rank 2 on node .+ is late: step \d+, \w+.*, last moved [\d.]+ s ago; /#)
            == true,
          "\(result)")
        #expect(
          lines.first?.contains("process \(process) is stopped (state T)") == true, "\(result)")
        // The others may have come to different phases before they had to wait.
        let waiting = (lines.first ?? "").matches(of: #/ranks? ([\d, ]+) waits? for it in \w+/#)
        #expect(
          Set(waiting.flatMap { $0.1.split(separator: ", ") }) == ["0", "1", "3"], "\(result)")
        for rank in 0..<4 {
          let path = run.path + "/post-mortem/rank-000\(rank).json"
          let data = try #require(FileManager.default.contents(atPath: path), "rank \(rank)")
          let file = try #require(
            JSONSerialization.jsonObject(with: data) as? [String: Any])
          let state = try #require(file["state"] as? [String: Any])
          #expect(state["rank"] as? Int == rank)
          #expect((state["step"] as? Int ?? 0) >= 40)
          #expect(state["condition"] as? String == "stopped" || rank != 2)
          #expect((file["residentBytes"] as? Int ?? 0) > 1_000_000)
          #expect((file["lastSteps"] as? [Double])?.count == 32)
        }
      }
    }

    @Test(.enabled(if: Python.has("numpy", "h5py"), "numpy or h5py is missing"))
    func aStoppedRankOfACountedRunIsNamed() throws {
      try withTemporaryFolder { folder in
        let method = "{als: {user: user, item: item, value: rating, factors: 4, sweeps: 1000000}}"
        let (result, run) = try Self.disturb(
          "kill -STOP $rank", folder,
          set: ["distributed.watchdogSeconds=5", "checkpoint.everySteps=1000000"],
          counted: Interactions.configuration("watched", method))
        #expect(result.status == 80, "\(result)")
        #expect(result.leftovers.isEmpty, "\(result.leftovers)")
        #expect(result.lines(with: "rank 2 on node").count == 1, "\(result)")
        #expect(result.lines(with: "is stopped (state T)").count == 1, "\(result)")
        #expect(FileManager.default.fileExists(atPath: run.path + "/post-mortem/rank-0002.json"))
      }
    }

    @Test func aKilledRankIsNamedWithItsStep() throws {
      try withTemporaryFolder { folder in
        let (result, _) = try Self.disturb("kill -KILL $rank", folder, set: [])
        #expect(result.status == 70, "\(result)")
        #expect(result.leftovers.isEmpty, "\(result.leftovers)")
        let line = try #require(result.lines(with: "died").first, "\(result)")
        #expect(line.contains(#/aimass: rank 2 on node .+ died: step \d+, \w+/#), "\(result)")
        #expect(line.contains("signal 9 (Killed)"), "\(result)")
        #expect(result.lines(with: "aimass:").count == 1, "\(result)")
      }
    }

    @Test func aJobThatIsStoppedWholeIsNotLate() throws {
      try withTemporaryFolder { folder in
        // Longer than the limit, as a scheduler may suspend a job; then it is asked to save.
        let (result, run) = try Self.disturb(
          """
          all=$(grep -lsz '^OMPI_COMM_WORLD_RANK=' $(grep -lsz "$run" /proc/[0-9]*/environ) \\
            | sed 's/[^0-9]//g')
          kill -STOP $all; sleep 2.5; kill -CONT $all; sleep 0.3; kill -USR1 $job
          """, folder, set: ["distributed.watchdogSeconds=1"])
        #expect(result.status == 75, "\(result)")
        #expect(result.lines(with: "is late").isEmpty, "\(result)")
        #expect(!FileManager.default.fileExists(atPath: run.path + "/heartbeats"))
      }
    }

    /// Makes steps that mostly compute.
    static let heavyEncoder =
      "modalities.image.encoder=[{conv: {out: 32, kernel: 3}}, relu, "
      + "{conv: {out: 32, kernel: 3}}, relu, {maxPool: {size: 2}}, flatten]"

    @Test func aSlowRankIsFoundByWhatItMakesOthersWait() throws {
      try withTemporaryFolder { folder in
        // Rank 2 stands still half of the time, in steps that mostly compute.
        let (result, run) = try Self.disturb(
          """
          for i in $(seq 20); do
            kill -STOP $rank; sleep 0.1; kill -CONT $rank; sleep 0.1
          done 2>/dev/null
          """, folder,
          set: [
            "train={steps: 90}", "evaluate.everyEpochs=1000", "batch={global: 320, micro: 80}",
            Self.heavyEncoder,
          ])
        #expect(result.status == 0, "\(result)")
        let timing = try #require(run.summary?["timing"] as? [String: Any])
        let ranks = try #require(timing["ranks"] as? [[String: Any]])
        #expect(ranks.compactMap { $0["rank"] as? Int } == [0, 1, 2, 3])
        let late = ranks.map { rank in
          (rank["lateShare"] as? Double ?? 0) * (rank["meanDelay"] as? Double ?? 0)
        }
        #expect(late.indices.max { late[$0] < late[$1] } == 2, "\(result)")
        for part in ["input", "forward", "backward", "wait", "exchange", "update"] {
          #expect((ranks[0]["seconds"] as? [String: Any])?[part] != nil, "\(part)")
        }
        #expect(result.lines(with: "waiting for other ranks took").count == 1, "\(result)")
      }
    }

    /// Holds the input thread of rank 1 from outside, most of the time, until the rank is gone.
    static let holder = """
      import ctypes, os, sys, time
      ptrace = ctypes.CDLL(None).ptrace
      ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
      seize, interrupt, go_on, any_child = 0x4206, 0x4207, 7, 0x40000000
      run, deadline, thread = sys.argv[1].encode(), time.time() + 60, None
      while thread is None and time.time() < deadline:
          for process in filter(str.isdigit, os.listdir('/proc')):
              try:
                  if run not in open(f'/proc/{process}/cmdline', 'rb').read().split(b'\\0'): continue
                  variables = open(f'/proc/{process}/environ', 'rb').read().split(b'\\0')
                  if b'OMPI_COMM_WORLD_RANK=1' not in variables: continue
                  for task in os.listdir(f'/proc/{process}/task'):
                      if open(f'/proc/{process}/task/{task}/comm').read() == 'aimass-input\\n':
                          thread = int(task)
              except OSError:
                  pass
          time.sleep(0.005)
      assert thread and ptrace(seize, thread, None, None) == 0, 'the input thread was not held'
      while ptrace(interrupt, thread, None, None) == 0:
          try:
              status = os.waitpid(thread, any_child)[1]
          except ChildProcessError:
              break
          if os.WIFEXITED(status) or os.WIFSIGNALED(status): break
          time.sleep(0.1)
          ptrace(go_on, thread, None, None)
          time.sleep(0.0002)
      """

    @Test(.enabled(if: geteuid() == 0, "needs root, to hold a thread of another process"))
    func aRankWithSlowInputIsNamedWithTheCause() throws {
      try withTemporaryFolder { folder in
        let run = folder.file("run")
        let script = """
          python3 -c "$1" "$2" & holder=$!
          shift 2
          "$@"
          status=$?
          wait $holder || echo "the holder failed"
          exit $status
          """
        let words = try Aimass.trainArguments(
          Shelf.glyphs.get(), ranks: 2, output: run,
          set: [
            "train={steps: 40, lastBatch: drop}", "data.prefetch=1", "evaluate.everyEpochs=1000",
            "batch={global: 320, micro: 80}", Self.heavyEncoder,
          ])
        let result = try runProcess(
          "bash", ["-c", script, "bash", Self.holder, run, Aimass.program] + words,
          environment: Aimass.variables([:]), timeout: Aimass.patience)
        #expect(result.status == 0, "\(result)")
        #expect(!result.output.contains("the holder failed"), "\(result)")
        let lines = result.lines(with: "was last in")
        #expect(lines.count == 1, "\(result)")
        #expect(
          lines.contains { $0.contains("rank 1 on node") && $0.hasSuffix(": its own input") },
          "\(result)")
      }
    }

    @Test func aTraceIsAFileThatViewersOpen() throws {
      try withTemporaryFolder { folder in
        let plain = Run(path: folder.file("plain"))
        let traced = Run(path: folder.file("traced"))
        let configuration = try Shelf.glyphs.get()
        let first = try Aimass.train(configuration, ranks: 2, output: plain.path)
        let second = try Aimass.train(configuration, ranks: 2, output: traced.path, ["--trace"])
        #expect(first.status == 0 && second.status == 0, "\(second)")
        #expect(plain.digest == traced.digest)
        #expect(!FileManager.default.fileExists(atPath: plain.path + "/trace.json"))
        #expect(FileManager.default.fileExists(atPath: traced.path + "/trace.svg"))
        let answer = try Python.run(Self.checker, [traced.path + "/trace.json"])
        #expect(answer == "valid, ranks 0 1, steps 18\n")
      }
    }

    /// Reads a trace as a viewer does: by the public description of the format.
    static let checker = """
      import json, sys
      events = json.load(open(sys.argv[1]))["traceEvents"]
      last, open_, names = {}, {}, set()
      for event in events:
          assert {"name", "ph", "ts", "pid", "tid"} <= event.keys(), event
          names.add(event["name"])
          if event["ph"] != "X":
              continue
          key = event["pid"], event["tid"]
          start = round(event["ts"] * 1000)
          end = start + round(event["dur"] * 1000)
          assert start >= last.get(key, 0), event
          last[key] = start
          stack = open_.setdefault(key, [])
          while stack and stack[-1] <= start:
              stack.pop()
          assert not stack or end <= stack[-1], event
          stack.append(end)
      for name in ["forward modalities.image.0 (conv)", "backward heads.digit.3 (linear)",
                   "input", "reduce", "update", "publish", "checkpoint", "evaluation"]:
          assert name in names, name
      steps = len([name for name in names if name.startswith("step ")])
      print("valid, ranks", *sorted({tid for _, tid in last}), end="")
      print(", steps", steps)
      """
  }
}
