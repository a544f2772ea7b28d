import TestSupport
import Testing

/// Starts a run, waits until it has logged a step, interrupts it, and tells how it ended.
enum Interruption {
  /// How a run is interrupted.
  enum Kind: String {
    /// The supervisor is asked to save and stop.
    case save = "kill -USR1 $job"
    /// `mpirun` and all ranks are killed with no chance to do anything.
    case kill = "ranks=$(children $mpirun); kill -9 $mpirun $ranks"
    /// All are frozen, so that the folder stays in use; they are killed when the script ends.
    case freeze = "ranks=$(children $mpirun); kill -STOP $ranks"
  }

  /// Runs `aimass` with `arguments` and interrupts it after `step`.
  ///
  /// - Parameters:
  ///   - kind: what is done to it.
  ///   - step: as `metrics.jsonl` of `run` shows it.
  ///   - run: the run folder.
  ///   - arguments: the command.
  ///   - meanwhile: a second command, run while the first is interrupted; its status is the result's.
  /// - Returns: how the first, or the second command ended.
  /// - Throws: `ProcessFailure` if it does not end in its time.
  static func run(
    _ kind: Kind, after step: Int, of run: String, _ arguments: [String],
    meanwhile: [String] = []
  ) throws -> ProcessResult {
    // `/proc` tells who is whose child; `ps` need not be installed.
    let script = """
      children() {
        for file in /proc/[0-9]*/stat; do
          read -r pid name state parent rest 2>/dev/null <$file && [ "$parent" = "$1" ] && echo $pid
        done
      }
      log=$1 step=$2 count=$3
      shift 3
      "${@:1:count}" &
      job=$!
      shift $count
      until grep -qs "\\"step\\":$step," "$log" || grep -qs "\\"step\\": $step," "$log"; do
        kill -0 $job 2>/dev/null || { wait $job; echo "too late: $?"; exit 99; }
        sleep 0.01
      done
      mpirun=$(children $job)
      \(kind.rawValue)
      if [ $# -gt 0 ]; then
        "$@"
        status=$?
        kill -9 $ranks $mpirun
        wait $job
        exit $status
      fi
      wait $job
      """
    let first = [try Aimass.program] + arguments
    let second = meanwhile.isEmpty ? [] : [try Aimass.program] + meanwhile
    return try runProcess(
      "bash",
      ["-c", script, "bash", run + "/metrics.jsonl", "\(step)", "\(first.count)"] + first + second,
      environment: Aimass.variables([:]), timeout: Aimass.patience)
  }

  /// Interrupts a run on some ranks, goes on with it on others, and expects the weights, the log and the mask of a
  /// run that was left alone.
  ///
  /// - Parameters:
  ///   - kind: what is done to it after step 40.
  ///   - ranks: those of the first start and of the second.
  ///   - settings: what is set besides.
  /// - Throws: `ProcessFailure` if a run does not end in its time.
  static func expectExactResume(
    _ kind: Kind, ranks: (Int, Int), _ settings: [String]
  ) throws {
    try withTemporaryFolder { folder in
      let configuration = try Shelf.glyphs.get()
      let settings = JobTests.ResumeTests.settings + settings
      let straight = Run(path: folder.file("straight"))
      let whole = try Aimass.train(configuration, output: straight.path, set: settings)
      #expect(whole.status == 0, "\(whole)")
      let broken = Run(path: folder.file("broken"))
      let stopped = try run(
        kind, after: 40, of: broken.path,
        Aimass.trainArguments(
          configuration, ranks: ranks.0, output: broken.path, set: settings))
      #expect(stopped.status == (kind == .save ? 75 : 70), "\(stopped)")
      #expect(broken.summary == nil && (broken.steps.last ?? 0) < 90, "\(stopped)")
      let resumed = try Aimass.train(
        configuration, ranks: ranks.1, output: broken.path, set: settings)
      #expect(resumed.status == 0, "\(resumed)")
      #expect(broken.digest == straight.digest && broken.history == straight.history)
      let masks = [broken, straight].map {
        ($0.summary?["pruning"] as? [String: Any])?["mask"] as? String
      }
      #expect(masks[0] != nil && masks[0] == masks[1])
    }
  }
}
