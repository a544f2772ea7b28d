import ArgumentParser
import Configuration
import Foundation
import Glibc
import MPI
import Training

/// `aimass train`.
struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train a model, resuming from the newest complete checkpoint.",
    discussion: """
      Outside MPI the command starts its own ranks on this machine; under mpirun or srun it takes \
      the ranks it is given. The result does not depend on their number.
      """)

  @Argument(
    help: "The YAML file that decides the run's numbers.", completion: .file(extensions: ["yaml"]))
  var config: String

  @Option(help: ArgumentHelp("Ranks to start.", valueName: "count"))
  var ranks: Int?

  @OptionGroup var computing: ThreadOption

  @Option(help: ArgumentHelp("Override one key by its dotted path.", valueName: "key=value"))
  var set: [String] = []

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("The run folder; default runs/NAME.", valueName: "folder"),
    completion: .directory)
  var output: String?

  @Flag(help: "Rename an existing run folder aside and start from step 0.")
  var fresh = false

  @Flag(help: "Run all checks and one step, and keep nothing.")
  var dryRun = false

  @Flag(help: "Record what every rank does, into trace.json of the run folder.")
  var trace = false

  @Option(
    help: ArgumentHelp(
      "How often a job that failed is started again without progress between.", valueName: "count"))
  var restarts: Int?

  @Option(
    help: ArgumentHelp(
      "Seconds that a run asked to stop gets to save.", valueName: "seconds"))
  var grace = 120

  @OptionGroup var trust: FileTrust

  func validate() throws {
    if let ranks, ranks < 1 { throw ValidationError("--ranks must be at least 1, not \(ranks).") }
    if let restarts, restarts < 0 {
      throw ValidationError("--restarts must be at least 0, not \(restarts).")
    }
    guard (0...1_000_000).contains(grace) else {
      throw ValidationError("--grace is seconds from 0 on, not \(grace).")
    }
  }

  func run() throws {
    // Whoever asks a rank to save may do so while it still starts.
    if MPIEnvironment.isUnderLauncher { StopSignal.install() }
    let settings: RunConfiguration
    switch try ConfiguredRun.load(path: config, overrides: set) {
    case .counted(let counted): return try fit(counted)
    case .network(let network): settings = network
    }
    guard MPIEnvironment.isUnderLauncher else {
      return try supervise(
        name: settings.name, watchdogSeconds: settings.distributed.watchdogSeconds
      ) { $0.ranks = ranks ?? defaultRanks(settings) }
    }
    let options = TrainingOptions(
      configuration: settings, configurationFolder: folder(of: config),
      output: output ?? "runs/\(settings.name)", fresh: fresh, dryRun: dryRun, trace: trace,
      version: Aimass.version)
    let choice = computing.choice
    let level = Trainer.threadLevel(for: settings, threads: choice.count)
    try Ranks.run(threads: level, computing: choice) { world in
      try trust.begin(world, settings.data, relativeTo: folder(of: config))
      let console = Console(world, placement: try PlacementReport.collect(world))
      let trainer = try Trainer(world, options, observer: console)
      let outcome = try trainer.run()
      console.finish(outcome, output: options.output)
      return outcome.status
    }
  }

  /// Fits a counted run.
  private func fit(_ settings: CountedRunConfiguration) throws {
    if trace {
      throw ValidationError("--trace records the steps of a network; this run has `factorization`.")
    }
    guard MPIEnvironment.isUnderLauncher else {
      return try supervise(name: settings.name, watchdogSeconds: settings.watchdogSeconds) {
        $0.ranks = ranks ?? Placement.ofThisProcess.ranks(most: nil)
      }
    }
    let options = CountedOptions(
      configuration: settings, configurationFolder: folder(of: config),
      output: output ?? "runs/\(settings.name)", fresh: fresh, dryRun: dryRun,
      version: Aimass.version)
    try Ranks.run(computing: computing.choice) { world in
      try trust.begin(world, settings.data, relativeTo: folder(of: config))
      let console = Console(world)
      let outcome = try CountedTrainer(world, options, observer: console).run()
      console.finish(outcome, output: options.output)
      return outcome.status
    }
  }

  /// Runs ranks of this very command under a supervisor.
  ///
  /// - Parameters:
  ///   - name: the run's name.
  ///   - watchdogSeconds: the run's.
  ///   - change: says what is not as for one machine.
  /// - Throws: `ExitCode` with the job's status, or what the supervisor throws.
  func supervise(name: String, watchdogSeconds: Int, _ change: (inout JobOptions) -> Void) throws {
    // The ranks of a job of ours may have all cores of theirs.
    let threads = computing.threads == nil ? ["--threads", "auto"] : []
    var options = JobOptions(
      arguments: Array(CommandLine.arguments.dropFirst()) + threads,
      runFolder: RunFolder(output ?? "runs/\(name)"), ranks: ranks, restarts: restarts ?? 0,
      grace: Double(grace), watchdogSeconds: Double(watchdogSeconds), isDryRun: dryRun)
    change(&options)
    TerminalFacts.handDown()
    let status = try Supervisor(options) { line in
      // A reader who has stopped reading must not hold the supervisor up.
      var end = pollfd(fd: 2, events: Int16(POLLOUT), revents: 0)
      if poll(&end, 1, 10_000) > 0 { StandardOutput.write("aimass: \(line)\n", to: 2) }
    }.run()
    guard status == 0 else { throw ExitCode(status) }
  }

  /// `min(cores, V)`.
  private func defaultRanks(_ settings: RunConfiguration) -> Int {
    Placement.ofThisProcess.ranks(most: Self.mostRanks(settings))
  }

  /// V, where the configuration says it.
  static func mostRanks(_ settings: RunConfiguration) -> Int? {
    settings.batch.micro.map { (settings.batch.global + $0 - 1) / $0 }
  }
}

/// The folder a file lies in.
func folder(of path: String) -> String {
  URL(fileURLWithPath: path).deletingLastPathComponent().path
}
