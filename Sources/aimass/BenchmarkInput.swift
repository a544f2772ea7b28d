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

  @OptionGroup var measured: BenchmarkedRun

  @Option(
    help: ArgumentHelp(
      "Steps to read; default one epoch, at most for ten seconds.", valueName: "count"))
  var steps: Int?

  @Flag(help: "Have the files read from the disk first, then once more from memory.")
  var cold = false

  @Flag(help: "Do not time training steps.")
  var inputOnly = false

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    guard BenchmarkedRun.counts.contains(steps ?? 1) else {
      throw ValidationError("--steps takes counts from 1 on.")
    }
  }

  func run() throws {
    let settings = try measured.settings()
    try Ranks.run(threads: Trainer.threadLevel(for: settings, threads: 1)) { world in
      let options = measured.options(settings, ranks: world.size)
      let paths = try world.agree {
        try Dataset.paths(of: settings.data, relativeTo: options.configurationFolder)
      }
      if cold { paths.forEach(FileBenchmark.dropPages) }
      try world.barrier()
      let trainer = try Trainer(world, options, observer: nil)
      guard let report = try measure(world, trainer, paths[0], settings.name) else { return .done }
      print(json ? JSONText.line(report.json) : report.text, terminator: json ? "\n" : "")
      return .done
    }
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
