import ArgumentParser
import Glibc
import Tensors
import Training

/// The command line: subcommands, exit codes, and what rank 0 shows.
@main
struct Aimass: ParsableCommand {
  static let version = "0.1.0"

  static let configuration = CommandConfiguration(
    commandName: "aimass",
    abstract: "Train multimodal models data-parallel over MPI on CPUs.",
    discussion: """
      Exit codes: 0 done, 64 usage, 65 bad data or damaged checkpoint, 66 missing input, \
      69 file of a newer version, 70 internal or a rank failed, 73 cannot create, \
      74 input/output, 75 saved: run me again, 76 ranks disagree, 77 run locked by another job, \
      78 bad configuration, 79 non-finite, 80 watchdog.
      """,
    version: version,
    subcommands: [
      Doctor.self, Prepare.self, Inspect.self, Train.self, Launch.self, Plan.self, Evaluate.self,
      Ensemble.self, Predict.self, Recommend.self, Prune.self, Shrink.self, Quantize.self,
      CheckpointCommand.self, Report.self,
      Benchmark.self, CheckFile.self,
    ])

  /// Parses and runs, with errors as one sentence and the documented exit code.
  static func main() {
    Leash.becomeIfAsked()
    ProcessEnvironment.prepare()
    do {
      var command = try parseAsRoot()
      try Kernels.selectFromEnvironment()
      try command.run()
    } catch {
      guard let status = Failure.status(of: error) else { exit(withError: error) }
      Failure.report(error, rank: nil)
      Glibc.exit(status.rawValue)
    }
  }
}
