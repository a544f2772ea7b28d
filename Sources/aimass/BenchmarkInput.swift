import ArgumentParser
import Benchmarks
import Configuration
import Datasets
import MPI
import Reports
import Training

/// `aimass benchmark input`.
struct BenchmarkInput: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "input",
    abstract: "Measure what a run's input delivers without anybody computing.",
    discussion: """
      Samples are read, decoded and shuffled as in training. Beside that stand the bandwidths of memory, page \
      cache and disk, and what a training step takes. Alone it measures one rank, under mpirun all.
      """)

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

  @Option(
    help: ArgumentHelp(
      "Steps to read; default one epoch, at most for ten seconds.", valueName: "count"))
  var steps: Int?

  @Flag(help: "Have the files read from the disk first, then once more from memory.")
  var cold = false

  @Flag(help: "Do not time training steps.")
  var inputOnly = false

  @Option(help: ArgumentHelp("Override one key by its dotted path.", valueName: "key=value"))
  var set: [String] = []

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    guard [batch ?? 1, micro ?? 1, steps ?? 1].allSatisfy({ (1...1 << 24).contains($0) }) else {
      throw ValidationError("--batch, --micro and --steps take counts from 1 on.")
    }
  }

  func run() throws {
    guard case .network(let settings) = try ConfiguredRun.load(path: config, overrides: set) else {
      throw ValidationError("This run has `factorization`, whose sweeps have no input to measure.")
    }
    try Ranks.run(threads: Trainer.threadLevel(for: settings, threads: 1)) { world in
      let folder = folder(of: config)
      let paths = try world.agree { try Dataset.paths(of: settings.data, relativeTo: folder) }
      if cold { paths.forEach(FileBenchmark.dropPages) }
      try world.barrier()
      let options = TrainingOptions(
        configuration: changed(settings, ranks: world.size), configurationFolder: folder,
        output: "", version: Aimass.version)
      let trainer = try Trainer(world, options, observer: nil)
      guard let report = try measure(world, trainer, paths[0], settings.name) else { return .done }
      print(json ? JSONText.line(report.json) : report.text, terminator: json ? "\n" : "")
      return .done
    }
  }

  /// The run with the batch that is wanted.
  private func changed(_ settings: RunConfiguration, ranks: Int) -> RunConfiguration {
    var settings = settings
    if let batch {
      settings.batch.global = batch * ranks
      settings.batch.micro = batch
    }
    if let micro { settings.batch.micro = micro }
    return settings
  }

  /// Measures everything; collective.
  private func measure(
    _ world: Communicator, _ trainer: Trainer, _ path: String, _ name: String
  ) throws -> InputReport? {
    let seconds = steps == nil ? 10.0 : .infinity
    let wanted = min(steps ?? trainer.stepsPerEpoch, trainer.stepCount)
    let first = cold ? try trainer.measureInput(steps: wanted, seconds: seconds) : nil
    let warm = try trainer.measureInput(steps: wanted, seconds: seconds)
    let allocation = try Allocation(world)
    let memory = CoreBenchmark.memorySpeed(
      bytes: CoreBenchmark.bytesBeyondCaches(ranks: allocation.local.size), seconds: 0.2)
    try world.barrier()
    let cache = FileBenchmark.pageCacheRate(path, seconds: 0.2)
    try world.barrier()
    let disk = FileBenchmark.diskRate(path, seconds: 0.5)
    let rates = try world.gather(
      [memory.bytesPerSecond, cache ?? .nan, disk ?? .nan], root: 0)
    var step: (seconds: Double, waitShare: Double)?
    if !inputOnly, trainer.stepCount > 0 {
      let timed = max(1, min(8, trainer.stepCount - 2))
      let speed = try trainer.measureSpeed(
        warmUp: min(2, trainer.stepCount - timed), steps: timed)
      let waited = speed.phases.first { $0.name == "input" }?.seconds ?? 0
      step = (speed.medianSeconds, waited / speed.phases.reduce(1e-9) { $0 + $1.seconds })
    }
    guard let warm, let rates else { return nil }
    return InputReport(
      name: name, globalBatch: trainer.samplesPerStep, microbatch: trainer.samplesPerPass,
      cold: first, warm: warm, memoryRate: Self.sum(rates, 0), pageCacheRate: Self.sum(rates, 1),
      diskRate: Self.sum(rates, 2), step: step)
  }

  /// One kind of rate of all ranks together.
  private static func sum(_ rates: [Double], _ kind: Int) -> Double {
    stride(from: kind, to: rates.count, by: 3).reduce(0) { $0 + rates[$1] }
  }
}
