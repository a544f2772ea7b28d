import ArgumentParser
import Configuration
import Training

/// The run that a benchmark measures, and how many samples of it.
struct BenchmarkedRun: ParsableArguments {
  @Argument(
    help: "The YAML file of the run.", completion: .file(extensions: ["yaml"]))
  var config: String

  @Option(
    help: ArgumentHelp("Samples of a rank in a step; default those of the run.", valueName: "count")
  )
  var batch: Int?

  @Option(
    help: ArgumentHelp(
      "Samples of one pass; default the whole batch of a rank with --batch, else that of the run.",
      valueName: "count"))
  var micro: Int?

  @Option(help: ArgumentHelp("Override one key by its dotted path.", valueName: "key=value"))
  var set: [String] = []

  /// Counts that a benchmark takes.
  static let counts = 1...1 << 24

  func validate() throws {
    guard [batch ?? 1, micro ?? 1].allSatisfy(Self.counts.contains) else {
      throw ValidationError("--batch and --micro take counts from 1 on.")
    }
  }

  /// The configuration, which must be that of a network.
  func settings() throws -> RunConfiguration {
    guard case .network(let settings) = try ConfiguredRun.load(path: config, overrides: set) else {
      throw ValidationError("This run has `factorization`, whose sweeps are no training steps.")
    }
    return settings
  }

  /// What the trainer is told: the run with the batch that is wanted, and as many steps if they are given.
  func options(
    _ settings: RunConfiguration, ranks: Int, steps: Int? = nil
  ) -> TrainingOptions {
    var settings = settings
    if let steps { settings.train.length = .steps(steps) }
    if let batch {
      settings.batch.global = batch * ranks
      settings.batch.micro = batch
    }
    if let micro { settings.batch.micro = micro }
    return TrainingOptions(
      configuration: settings, configurationFolder: folder(of: config), output: "",
      version: Aimass.version)
  }
}
